/** A worker written from docs/protocol.md, without our packages: what one in another language does. */
import { Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { onTestFinished } from 'vitest';

/** A task as it lies in the queue. */
export interface RawTask {
  readonly taskId: string;
  readonly token: string;
  readonly replyTo: string;
  readonly attempt: number;
  readonly step: string;
  readonly input: string;
}

export class RawWorker {
  readonly tasks: RawTask[] = [];
  readonly redis: Redis;
  readonly #base: string;
  readonly #worker: Worker;
  readonly #ends: (() => void)[] = [];

  constructor(connection: RedisOptions, prefix: string, steps: readonly string[]) {
    this.redis = new Redis({ ...connection, maxRetriesPerRequest: null, replyMapping: 'legacy' });
    this.#base = `${prefix}:default`;
    const [queue = ''] = steps;
    this.#worker = new Worker(
      queue,
      (job) => {
        this.tasks.push(job.data);
        // The job is active until the test lets it end.
        return new Promise<void>((resolve) => this.#ends.push(resolve));
      },
      { connection: this.redis, prefix: `${this.#base}:task`, concurrency: 10 },
    );
    this.#worker.on('error', () => {});
    onTestFinished(() => this.close());
  }

  async announce(step: string, queue: string): Promise<void> {
    const startedAt = Date.now();
    const sdk = { name: 'raw', version: '1' };
    const steps = [{ name: step, queue }];
    const message = { v: 1, type: 'worker', worker: 'raw', startedAt, sdk, steps };
    const text = JSON.stringify(message);
    await this.redis.set(`${this.#base}:worker:raw`, text, 'PX', 60_000);
    await this.redis.zadd(`${this.#base}:workers`, startedAt, 'raw');
    await this.redis.xadd(`${this.#base}:control`, '*', 'm', text);
  }

  async reply({ replyTo, taskId, token, attempt }: RawTask, parts: object = {}): Promise<void> {
    const payload = '{"chargeId":"raw"}';
    const result = {
      v: 1,
      type: 'result',
      taskId,
      token,
      attempt,
      ok: true,
      payload,
      worker: 'raw',
    };
    await this.send(replyTo, JSON.stringify({ ...result, ...parts }));
  }

  async send(replyTo: string, text: string): Promise<void> {
    await this.redis.xadd(replyTo, '*', 'm', text);
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end();
    await this.#worker.close(true);
    this.redis.disconnect();
  }
}
