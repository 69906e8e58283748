/** A worker that has the code of workflows, written from docs/protocol.md: the test answers in its place. */
import { randomUUID } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import { onTestFinished } from 'vitest';
import { until } from './support.js';

/** What lies in the inbox. */
export interface InboxMessage {
  readonly type: string;
  readonly activation: string;
  readonly token: string;
  readonly replyTo: string;
  readonly turn: number;
  readonly start?: { readonly runId: string; readonly input: string; readonly lastSeq: number };
  readonly outcomes: readonly { readonly seq: number; readonly payload: string }[];
  readonly taskId: string;
  readonly attempt: number;
  readonly position: number;
  readonly callId: string;
  readonly payload: string;
  readonly ok: boolean;
}

export class RawWorkflows {
  readonly id = `raw-${randomUUID()}`;
  readonly inbox: string;
  readonly redis: Redis;
  readonly received: InboxMessage[] = [];
  readonly #base: string;
  readonly #workflows: readonly string[];
  readonly #reader: Redis;
  #taken = 0;
  #beat: NodeJS.Timeout | undefined;

  private constructor(connection: RedisOptions, prefix: string, workflows: readonly string[]) {
    this.#base = `${prefix}:default`;
    this.inbox = `${this.#base}:inbox:${this.id}`;
    this.#workflows = workflows;
    const options = { ...connection, maxRetriesPerRequest: null, replyMapping: 'legacy' } as const;
    this.redis = new Redis(options);
    this.#reader = new Redis(options);
    for (const redis of [this.redis, this.#reader]) redis.on('error', () => {});
    onTestFinished(() => this.die());
    void this.#read();
  }

  static async start(
    connection: RedisOptions,
    prefix: string,
    workflows: readonly string[],
  ): Promise<RawWorkflows> {
    const worker = new RawWorkflows(connection, prefix, workflows);
    await worker.#announce();
    worker.#beat = setInterval(() => void worker.#announce(), 250);
    return worker;
  }

  /** The next message, which has to be of this type. */
  async next(type: string): Promise<InboxMessage> {
    await until(() => this.received.length > this.#taken);
    const message = this.received[this.#taken];
    this.#taken += 1;
    if (message?.type !== type) throw new Error(`expected ${type}: ${JSON.stringify(message)}`);
    return message;
  }

  /** Answers a turn with what the code did. */
  async answer(
    { activation, token, turn, replyTo }: InboxMessage,
    asked: readonly object[],
    parts: object = {},
  ): Promise<void> {
    const answer = { v: 1, type: 'turnResult', activation, token, turn, worker: this.id, asked };
    await this.send(replyTo, { ...answer, nextPosition: asked.length + 1, ...parts });
  }

  /** Answers a step. */
  async finish({ taskId, token, attempt, replyTo }: InboxMessage, payload: string): Promise<void> {
    const result = { v: 1, type: 'result', taskId, token, attempt, ok: true, payload };
    await this.send(replyTo, { ...result, worker: this.id });
  }

  async send(key: string, message: object): Promise<void> {
    await this.redis.xadd(key, '*', 'm', JSON.stringify(message));
  }

  /** Without a word. */
  die(): void {
    clearInterval(this.#beat);
    this.redis.disconnect();
    this.#reader.disconnect();
  }

  async #announce(): Promise<void> {
    const workflows = this.#workflows.map((name) => ({ name, version: '1' }));
    const sdk = { name: 'raw', version: '1' };
    const own = { v: 1, type: 'worker', worker: this.id, startedAt: Date.now(), sdk, steps: [] };
    const text = JSON.stringify({ ...own, workflows, inbox: this.inbox });
    const key = `${this.#base}:worker:${this.id}`;
    const isNew = (await this.redis.set(key, text, 'PX', 1_000, 'GET')) === null;
    await this.redis.zadd(`${this.#base}:workers`, Date.now(), this.id);
    if (isNew) await this.redis.xadd(`${this.#base}:control`, '*', 'm', text);
  }

  async #read(): Promise<void> {
    let cursor = '0-0';
    while (this.#reader.status !== 'end') {
      const reply = await this.#reader
        .xread('BLOCK', 1_000, 'STREAMS', this.inbox, cursor)
        .catch(() => null);
      for (const [, entries] of reply ?? []) {
        for (const [id, [, text = '']] of entries) {
          cursor = id;
          this.received.push(JSON.parse(text));
        }
      }
    }
  }
}

/** An operation that the code asks for. */
export function operation(cause: number, position: number, name: string, request: object): object {
  return { ask: 'operation', cause, position, name, request };
}
