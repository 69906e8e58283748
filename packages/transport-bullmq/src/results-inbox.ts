/**
 * An engine's end of the results streams.
 *
 * **R1** An entry is deleted when the sink has taken it, never before: what a crash or a failing database leaves behind is
 *   read again. So an entry may be delivered twice; the engine accepts one result per attempt.
 * **R2** Answers go to the engine that has sent the task, which as a rule owns the run. The streams of engines that are gone
 *   are read by one that lives, beat by beat, so that no answer waits for an engine that never comes back.
 */
import type { TransportHost, TransportSink } from '@dudousxd/nestjs-durable-core';
import {
  type HeartbeatMessage,
  type MessageLimits,
  type ResultMessage,
  readMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { BadMessages } from './bad-messages.js';
import type { ClientCalls } from './client-calls.js';
import { endsWithin } from './deadline.js';
import type { Keys } from './keys.js';
import type { RedisLink } from './redis-link.js';
import { type StreamEntry, StreamReader, toEntry } from './stream-reader.js';
import type { WorkflowLines } from './workflow-lines.js';

/** What results are read with. */
export interface ResultsInboxOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly engineId: string;
  readonly sink: TransportSink;
  readonly host: TransportHost;
  readonly bad: BadMessages;
  readonly limits: MessageLimits;
  readonly lines: WorkflowLines;
  readonly calls: ClientCalls;
}

/** Results that the engine has not taken yet: above that no more are read. */
const MAX_IN_FLIGHT = 2_000;
const SWEEP_COUNT = 500;
/** What lies in a results stream. */
const ANSWERS = ['result', 'heartbeat', 'turnResult', 'lost', 'call'] as const;
const RETRY_MS = 250;

export class ResultsInbox {
  readonly #options: ResultsInboxOptions;
  readonly #ownKey: string;
  readonly #reader: StreamReader;
  /** Keys and ids of entries that were read here and are in the stream still. */
  readonly #held = new Set<string>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #taken = new Map<string, string[]>();
  #isDeleting = false;
  #retry: { clear(): void } | undefined;
  #isStopped = false;

  constructor(options: ResultsInboxOptions) {
    this.#options = options;
    const { link, keys, engineId, host } = options;
    const key = keys.results(engineId);
    this.#ownKey = key;
    this.#reader = new StreamReader({
      link,
      key,
      from: async () => '0-0',
      onEntries: (entries) => this.#take(key, entries),
      runtime: host.runtime,
    });
  }

  /** Reads what is left in our stream, and in those of engines that are gone if we are the one to do so. */
  async sweep(): Promise<void> {
    const { link, keys, engineId, host } = this.#options;
    // What the reader has read and the engine has not taken. What comes is the reader's.
    const { cursor } = this.#reader;
    if (cursor !== undefined) await this.#sweep(this.#ownKey, cursor);
    const ids = (await link.commands.zrange(keys.engines, '0', '-1')).filter(
      (id) => id !== engineId,
    );
    if (ids.length === 0) return;
    const alive = await link.commands.mget(ids.map((id) => keys.engine(id)));
    const living = ids.filter((_id, index) => alive[index] !== null);
    // One is enough; two do no harm.
    if (living.some((id) => id < engineId)) return;
    for (const [index, id] of ids.entries()) {
      if (alive[index] !== null) continue;
      const found = await this.#sweep(keys.results(id));
      // Its workers still answer: it is not forgotten for now.
      if (found > 0) await link.commands.zadd(keys.engines, host.runtime.clock.now(), id);
    }
  }

  /** Stops reading; waits up to a time for what the sink has been given, and for what had arrived before. */
  async stop(timeoutMs: number): Promise<void> {
    const { host, link } = this.#options;
    this.#reader.stop();
    const last = async () => {
      if (link.isReady) await this.#sweep(this.#ownKey);
      await Promise.allSettled(this.#inFlight);
      await this.#delete();
    };
    await endsWithin(host.runtime, timeoutMs, last());
    this.#isStopped = true;
    this.#retry?.clear();
  }

  async #sweep(key: string, upTo = '+'): Promise<number> {
    const raw = await this.#options.link.commands.xrange(key, '-', upTo, 'COUNT', SWEEP_COUNT);
    await this.#take(key, raw.map(toEntry));
    return raw.length;
  }

  async #take(key: string, entries: readonly StreamEntry[]): Promise<void> {
    for (const entry of entries) {
      if (this.#isStopped) return;
      const name = nameOf(key, entry.id);
      if (this.#held.has(name)) continue;
      this.#held.add(name);
      const delivered = this.#deliver(key, entry);
      if (delivered === undefined) this.#markTaken(key, entry.id);
      else this.#follow(this.#settle(key, entry.id, delivered));
    }
    while (this.#inFlight.size >= MAX_IN_FLIGHT && !this.#isStopped)
      await Promise.race(this.#inFlight);
  }

  #follow(settled: Promise<void>): void {
    this.#inFlight.add(settled);
    void settled.finally(() => this.#inFlight.delete(settled));
  }

  /** Undefined: there is nothing to wait for. */
  #deliver(key: string, { text }: StreamEntry): Promise<void> | undefined {
    const { sink, bad, limits, lines, calls } = this.#options;
    const read = readMessage(text, ANSWERS, limits);
    if (!read.ok) {
      bad.drop(key.startsWith(this.#options.keys.resultsOfAll) ? 'results' : key, read.refusal);
      return undefined;
    }
    const { message } = read;
    switch (message.type) {
      case 'result':
        return lines.result(message) ? undefined : sink.result(toResult(message));
      case 'heartbeat':
        if (!lines.heartbeat(message)) sink.heartbeat(toBeat(message));
        return undefined;
      case 'turnResult':
        lines.answered(message);
        return undefined;
      case 'lost':
        lines.lost(message);
        return undefined;
      case 'call':
        return calls.answer(message);
      default:
        return message satisfies never;
    }
  }

  async #settle(key: string, id: string, delivered: Promise<void>): Promise<void> {
    try {
      await delivered;
      this.#markTaken(key, id);
    } catch (error) {
      this.#options.host.runtime.logger.debug('A result was not taken; trying again.', { error });
      this.#held.delete(nameOf(key, id));
      this.#sweepSoon(key);
    }
  }

  #sweepSoon(key: string): void {
    if (this.#retry !== undefined || this.#isStopped) return;
    const { scheduler, logger } = this.#options.host.runtime;
    const timer = scheduler.setTimer(() => {
      this.#retry = undefined;
      const upTo = key === this.#ownKey ? this.#reader.cursor : undefined;
      this.#sweep(key, upTo).catch((error: unknown) => {
        logger.debug('Reading results again failed; the next beat does it.', { error });
      });
    }, RETRY_MS);
    this.#retry = { clear: () => scheduler.clearTimer(timer) };
  }

  /** Deletes together what was taken together. */
  #markTaken(key: string, id: string): void {
    const ids = this.#taken.get(key);
    if (ids === undefined) this.#taken.set(key, [id]);
    else ids.push(id);
    if (this.#isDeleting) return;
    this.#isDeleting = true;
    this.#options.host.runtime.scheduler.soon(() => void this.#delete());
  }

  async #delete(): Promise<void> {
    this.#isDeleting = false;
    const taken = [...this.#taken];
    this.#taken.clear();
    const { link, host } = this.#options;
    for (const [key, ids] of taken) {
      try {
        await link.commands.xdel(key, ...ids);
      } catch (error) {
        host.runtime.logger.debug('Results that were taken are still in Redis.', { error });
      }
      for (const id of ids) this.#held.delete(nameOf(key, id));
    }
  }
}

function nameOf(key: string, id: string): string {
  return `${key} ${id}`;
}

function toResult(message: ResultMessage): Parameters<TransportSink['result']>[0] {
  const { taskId, token, attempt, ok, payload, worker, startedAt, progress } = message;
  const reported = progress === undefined ? {} : { progress };
  const result = { attempt, ok, payload, worker, startedAt: startedAt ?? null, ...reported };
  return { taskId, token, result };
}

function toBeat(message: HeartbeatMessage): Parameters<TransportSink['heartbeat']>[0] {
  const { taskId, token, progress } = message;
  return progress === undefined ? { taskId, token } : { taskId, token, progress };
}
