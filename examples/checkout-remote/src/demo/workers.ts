/** Who serves steps: each worker says so in Redis (docs/protocol.md). */
import type { Redis } from 'ioredis';
import type { ProcessName } from './processes.js';

/** A worker that is there. */
export interface Announced {
  readonly id: string;
  readonly name: ProcessName;
  /** What it is written with: `node`, `python`. */
  readonly sdk: string;
}

interface WorkerMessage {
  readonly worker: string;
  readonly sdk: { readonly name: string };
  readonly steps: readonly { readonly name: string }[];
}

const BASE = 'durable:default';

export async function announcedWorkers(redis: Redis): Promise<readonly Announced[]> {
  const ids = await redis.zrange(`${BASE}:workers`, '0', '-1');
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map((id) => `${BASE}:worker:${id}`));
  return texts.flatMap((text) => {
    if (text === null) return [];
    const { worker, sdk, steps } = JSON.parse(text) as WorkerMessage;
    // 'payments.refund' is served by the process 'payments'.
    const name = steps[0]?.name.split('.')[0] as ProcessName;
    return [{ id: worker, name, sdk: sdk.name }];
  });
}
