/** One worker process: serves a remote step over the transport, or the far end of a bare pair of queues. */
import {
  consoleLogger,
  createCodec,
  createSystemRuntime,
  type StepHandler,
} from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { readSettings, serve } from './child.js';
import { BareWorker } from './redis/bare-pair.js';
import { connectionOf } from './redis/connection.js';

export interface RemoteWorkerSettings {
  readonly redis: string;
  readonly prefix: string;
  /** Tasks at once. */
  readonly concurrency: number;
}

export type RemoteWorkerRequest = { readonly do: 'start' } | { readonly do: 'stop' };

/** What both do for a task. */
export const ECHO = 'bench.echo';

const { redis, prefix, concurrency } = readSettings<RemoteWorkerSettings>();
const connection = connectionOf(redis);
const transport = new BullMqTransport({ connection, prefix, concurrency });
const bare = new BareWorker(connection, prefix, concurrency);

serve<RemoteWorkerRequest>((request) => (request.do === 'start' ? start() : stop()));

async function start(): Promise<void> {
  const echo: StepHandler = { name: ECHO, invoke: async (input) => input };
  const host = {
    codec: createCodec(),
    runtime: createSystemRuntime(consoleLogger),
    namespace: 'default',
  };
  await transport.serve([echo], `worker-${process.pid}`, host);
  await bare.ready();
}

async function stop(): Promise<void> {
  await transport.close(5_000);
  await bare.close();
}
