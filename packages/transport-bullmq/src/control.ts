/**
 * News for everybody in a namespace: cancels, and workers that come and go. A stream, not pub/sub: who was away for a
 * moment, or begins to listen, reads what it has missed.
 */
import type { TransportHost } from '@dudousxd/nestjs-durable-core';
import {
  type CancelMessage,
  DEFAULT_LIMITS,
  readMessage,
  type WorkerMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { BadMessages } from './bad-messages.js';
import type { RedisLink } from './redis-link.js';
import { MESSAGE_FIELD, type StreamEntry, StreamReader } from './stream-reader.js';

/** How much of the past somebody who begins to listen is told. */
const PAST_MS = 3_600_000;
const MAX_ENTRIES = 10_000;

/** What the news are written to, and read with. */
export interface ControlOptions {
  readonly link: RedisLink;
  readonly key: string;
  readonly host: TransportHost;
  readonly bad: BadMessages;
}

export class Control {
  readonly #options: ControlOptions;
  readonly #onCancel = new Set<(message: CancelMessage) => void>();
  readonly #onWorker = new Set<(message: WorkerMessage) => void>();
  readonly #reader: StreamReader;

  constructor(options: ControlOptions) {
    this.#options = options;
    const { link, key, host } = options;
    this.#reader = new StreamReader({
      link,
      key,
      from: () => this.#start(),
      onEntries: (entries) => this.#take(entries),
      runtime: host.runtime,
    });
  }

  onCancel(listener: (message: CancelMessage) => void): void {
    this.#onCancel.add(listener);
  }

  onWorker(listener: (message: WorkerMessage) => void): void {
    this.#onWorker.add(listener);
  }

  async post(text: string): Promise<void> {
    const { link, key } = this.#options;
    await link.commands.xadd(key, 'MAXLEN', '~', MAX_ENTRIES, '*', MESSAGE_FIELD, text);
  }

  stop(): void {
    this.#reader.stop();
  }

  /** By the clock of Redis, which makes the ids. */
  async #start(): Promise<string> {
    const [seconds] = await this.#options.link.commands.time();
    return `${Math.max(0, Number(seconds) * 1_000 - PAST_MS)}-0`;
  }

  #take(entries: readonly StreamEntry[]): void {
    for (const { text } of entries) {
      const read = readMessage(text, ['cancel', 'worker'], DEFAULT_LIMITS);
      if (!read.ok) this.#options.bad.drop('control', read.refusal);
      else if (read.message.type === 'cancel') tell(this.#onCancel, read.message);
      else tell(this.#onWorker, read.message);
    }
  }
}

function tell<M>(listeners: ReadonlySet<(message: M) => void>, message: M): void {
  for (const listener of listeners) listener(message);
}
