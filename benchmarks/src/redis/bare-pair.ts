/** The ceiling of remote steps: a bare pair of BullMQ queues, a task out and its result back, kept nowhere else. */
import { Queue, Worker } from 'bullmq';

type Connection = { readonly host: string; readonly port: number };

interface Task {
  readonly id: number;
  readonly input: string;
}

const KEPT = { removeOnComplete: true, removeOnFail: true } as const;

/** The near end: sends tasks and waits for their results. */
export class BarePair {
  readonly #out: Queue<Task>;
  readonly #back: Worker<Task>;
  readonly #waiting = new Map<number, () => void>();
  #next = 0;

  constructor(connection: Connection, prefix: string, concurrency: number) {
    const common = { connection, prefix: `${prefix}-bare` };
    this.#out = new Queue('out', common);
    this.#back = new Worker('back', async ({ data }) => this.#waiting.get(data.id)?.(), {
      ...common,
      concurrency,
    });
  }

  async ready(): Promise<void> {
    await Promise.all([this.#out.waitUntilReady(), this.#back.waitUntilReady()]);
  }

  /** One round trip. */
  async trip(input: string): Promise<void> {
    const id = this.#next;
    this.#next += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    await this.#out.add('task', { id, input }, KEPT);
    await promise;
    this.#waiting.delete(id);
  }

  async close(): Promise<void> {
    await Promise.all([this.#out.close(), this.#back.close()]);
  }
}

/** The far end, in a worker process. */
export class BareWorker {
  readonly #out: Worker<Task>;
  readonly #back: Queue<Task>;

  constructor(connection: Connection, prefix: string, concurrency: number) {
    const common = { connection, prefix: `${prefix}-bare` };
    this.#back = new Queue('back', common);
    const answer = async ({ data }: { readonly data: Task }) => {
      await this.#back.add('result', data, KEPT);
    };
    this.#out = new Worker('out', answer, { ...common, concurrency });
  }

  async ready(): Promise<void> {
    await Promise.all([this.#out.waitUntilReady(), this.#back.waitUntilReady()]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#out.close(), this.#back.close()]);
  }
}
