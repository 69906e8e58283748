/**
 * Says in Redis that somebody is there: a key that ends by itself, and an entry in a list of who was there. Written again
 * all the time, so that a flushed or restarted Redis knows it again within a beat.
 */

import type { Runtime, TimerHandle } from '@dudousxd/nestjs-durable-core';
import { endsWithin } from './deadline.js';
import type { RedisLink } from './redis-link.js';

/** Who is there, and where that is written. */
export interface PresenceOptions {
  readonly link: RedisLink;
  readonly runtime: Runtime;
  readonly id: string;
  /** Key of the presence itself. */
  readonly key: string;
  /** Sorted set of the ids that were there. */
  readonly list: string;
  readonly text: string;
  readonly beatMs: number;
  /** Called after each beat, and not before the one before has ended. */
  readonly onBeat?: () => Promise<void>;
}

/** Beats that may be lost before somebody counts as gone. */
const MISSED_BEATS = 3;
/** How long the first beat, and the farewell, may take: Redis may be away. */
const PATIENCE_MS = 3_000;
/** Who has been gone for longer is forgotten. */
const MEMORY_MS = 24 * 3_600_000;

export class Presence {
  readonly #options: PresenceOptions;
  #timer: TimerHandle | undefined;
  #isGone = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Resolves when the presence is written, or when Redis keeps us waiting. */
  async begin(): Promise<void> {
    const { link, runtime } = this.#options;
    link.onReady(() => this.#beatNow());
    await endsWithin(runtime, PATIENCE_MS, this.#write());
    this.#arm();
  }

  /** Nobody is there any more. The entry in the list stays, for those who look after what is left. */
  async end(): Promise<void> {
    const { link, runtime, key } = this.#options;
    this.#isGone = true;
    this.#disarm();
    await endsWithin(runtime, PATIENCE_MS, this.#beating);
    if (link.isReady) await endsWithin(runtime, PATIENCE_MS, link.commands.del(key));
  }

  #beatNow(): void {
    if (this.#isGone) return;
    this.#disarm();
    this.#beating = this.#beating.then(() => this.#beat());
  }

  async #beat(): Promise<void> {
    const { link, onBeat } = this.#options;
    if (this.#isGone) return;
    try {
      if (link.isReady) await this.#write();
      if (link.isReady) await onBeat?.();
    } catch (error) {
      link.report('A beat of the transport', error);
    }
    this.#arm();
  }

  async #write(): Promise<void> {
    const { link, runtime, id, key, list, text, beatMs } = this.#options;
    const now = runtime.clock.now();
    await link.commands
      .multi()
      .set(key, text, 'PX', Math.ceil(beatMs * MISSED_BEATS))
      .zadd(list, now, id)
      .zremrangebyscore(list, '-inf', now - MEMORY_MS)
      .exec();
  }

  #arm(): void {
    if (this.#isGone) return;
    this.#disarm();
    const { runtime, beatMs } = this.#options;
    this.#timer = runtime.scheduler.setTimer(() => this.#beatNow(), beatMs);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.runtime.scheduler.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
