import type { Runtime } from '@dudousxd/nestjs-durable-core';
import type { Redis } from 'ioredis';
import { pause } from './deadline.js';
import type { RedisLink } from './redis-link.js';

/** An entry of a stream: its id, and the text of its message. */
export interface StreamEntry {
  readonly id: string;
  readonly text: string;
}

/** What a reader reads. */
export interface StreamReaderOptions {
  readonly link: RedisLink;
  readonly key: string;
  /** Asked once, before the first read: entries after this id are read. */
  readonly from: () => Promise<string>;
  /** The next entries are read when it has resolved. What it rejects with is logged. */
  readonly onEntries: (entries: readonly StreamEntry[]) => void | Promise<void>;
  readonly runtime: Runtime;
}

/** The field that holds the message. */
export const MESSAGE_FIELD = 'm';

const BLOCK_MS = 2_000;
const READ_COUNT = 500;
const RETRY_MS = 250;

/** Reads a stream from a place on, in order, without an end. What it reads stays in the stream. */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  /** Of its own: reading blocks it. */
  readonly #redis: Redis;
  #cursor: string | undefined;
  #isStopped = false;
  #wake: () => void = () => {};

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#redis = options.link.blocking();
    void this.#run();
  }

  /** Id of the last entry that was read. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
    this.#redis.disconnect();
  }

  async #run(): Promise<void> {
    const { link, key, from, onEntries } = this.#options;
    while (!this.#isStopped) {
      try {
        this.#cursor ??= await from();
        const entries = await this.#read(this.#cursor);
        if (this.#isStopped || entries.length === 0) continue;
        this.#cursor = entries.at(-1)?.id ?? this.#cursor;
        await onEntries(entries);
      } catch (error) {
        if (this.#isStopped) return;
        link.report(`Reading from ${key}`, error);
        await this.#pause();
      }
    }
  }

  async #read(cursor: string): Promise<readonly StreamEntry[]> {
    const { key } = this.#options;
    const args = ['COUNT', READ_COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', key, cursor];
    const reply = (await this.#redis.call('XREAD', ...args)) as RawReply;
    return (reply?.[0]?.[1] ?? []).map(toEntry);
  }

  async #pause(): Promise<void> {
    const { ended, wake } = pause(this.#options.runtime, RETRY_MS);
    this.#wake = wake;
    await ended;
  }
}

type RawEntry = readonly [id: string, fields: readonly string[]];
type RawReply = readonly (readonly [key: string, entries: readonly RawEntry[]])[] | null;

/** An entry as Redis gives it. One without our field is an empty message, which nobody takes. */
export function toEntry([id, fields]: RawEntry): StreamEntry {
  const at = (fields ?? []).findIndex((field, index) => index % 2 === 0 && field === MESSAGE_FIELD);
  return { id, text: at === -1 ? '' : (fields[at + 1] ?? '') };
}
