/**
 * Group commit: what many callers want written goes to the store together.
 *
 * G1. As many calls to the store are in flight as there are lanes; everything that is queued when one returns is the
 *     next batch. There is no timer: a lone item goes out as soon as the work that is ready now has run. With two lanes,
 *     the store works on one batch while this process works on the answers of the other; the second is used only for
 *     batches that are worth a call.
 * G2. Items go out in the order in which they came. With several lanes, two that are under way at once may become
 *     durable in either order: whoever needs an order adds the second item when the first is done.
 * G3. A batch whose call fails has an unknown outcome. It is sent again until the store answers: the port's calls are
 *     idempotent item by item (see `StateStore`), so sending again is the read-back. It waits beside the lanes
 *     (`RetryLane`): what the store takes never stands behind what it does not take.
 * G4. While the store takes nothing at all, the lanes try with growing pauses, and go on at its first answer to anything.
 * G5. An item that the store could not take for the moment is sent again after a pause, with whatever is queued then.
 *     The others do not wait for it.
 */
import { inRootContext } from '../runtime/root-context.js';
import type { Logger, Scheduler, TimerHandle } from '../runtime/runtime.js';
import { type CallFailure, FIRST_RETRY_MS, MAX_RETRY_MS, RetryLane } from './retry-lane.js';

/** In place of an item's answer: it was not taken, and may be a moment later. */
export const AGAIN = Symbol('again');
export type Again = typeof AGAIN;

/** How a batcher talks to the store. */
export interface BatcherOptions<I, O> {
  /** What is done, for log lines: as in 'Writing turns'. */
  readonly what: string;
  readonly send: (items: readonly I[]) => Promise<readonly (O | Again)[]>;
  /** Rows and bytes of an item, for the caps. */
  readonly measure: (item: I) => { readonly rows: number; readonly bytes: number };
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Whether a failed batch is still worth sending. `false` drops it: every item's `done` gets the error. */
  readonly retryable: (error: unknown) => boolean;
  /** Calls to the store at once. @default 1 */
  readonly lanes?: number;
}

interface Entry<I, O> {
  readonly item: I;
  readonly done: (result: O | undefined, error: unknown) => void;
}

const MAX_ROWS = 1_000;
const MAX_BYTES = 1_000_000;
/** Items of a batch where there are several lanes: one must not take all that would have kept two busy. */
const MAX_LANE_ITEMS = 128;
/** Fewer wait for the call that is in flight: a call of their own would cost more than it gains. */
const MIN_EXTRA_LANE_ITEMS = 32;
const AGAIN_MS = 10;

export class Batcher<I, O> {
  private readonly options: BatcherOptions<I, O>;
  private queue: Entry<I, O>[] = [];
  private readonly lanes: number;
  /** Batches whose first call is under way. */
  private readonly inFlight = new Set<readonly Entry<I, O>[]>();
  private scheduled = false;
  private stopped = false;
  private readonly retries: RetryLane<Entry<I, O>>;
  /** While it runs, the lanes send nothing. */
  private pause: TimerHandle | null = null;
  private pauseMs = FIRST_RETRY_MS;
  /** To be sent again when `againTimer` rings. */
  private postponed: Entry<I, O>[] = [];
  private againTimer: TimerHandle | null = null;
  private idleListeners: (() => void)[] = [];

  constructor(options: BatcherOptions<I, O>) {
    this.options = options;
    this.lanes = options.lanes ?? 1;
    this.retries = new RetryLane({
      scheduler: options.scheduler,
      send: (batch, ended) => this.call(batch, ended),
      onFailed: (batch, error) =>
        options.logger.warn(`${options.what} failed again (${batch.length} at once).`, { error }),
      retryable: options.retryable,
      drop: (batch, error) => this.drop(batch, error),
    });
  }

  /** Queues an item. `done` is called once: with the store's answer, or with the error that made it hopeless. */
  add(item: I, done: Entry<I, O>['done']): void {
    this.queue.push({ item, done });
    this.schedule();
  }

  /** As `add`, as a promise. */
  submit(item: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.add(item, (result, error) => (result === undefined ? reject(error) : resolve(result)));
    });
  }

  /** Whether nothing is queued, in flight or to be sent again. */
  get isIdle(): boolean {
    const isQueued = this.queue.length > 0 || this.postponed.length > 0;
    return !isQueued && this.inFlight.size === 0 && this.retries.isEmpty;
  }

  /** Resolves when nothing is queued or in flight. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  /** Waits for no more answers: everything that is queued or in flight ends with the error, and may have been written. */
  end(error: Error): void {
    const { queue, postponed, retries } = this;
    const left = [...[...this.inFlight].flat(), ...retries.entries, ...queue, ...postponed];
    this.kill();
    for (const { done } of left) done(undefined, error);
  }

  /** Forgets everything without a word: the process is dying. */
  kill(): void {
    this.stopped = true;
    this.queue = [];
    this.postponed = [];
    this.retries.kill();
    const { scheduler } = this.options;
    if (this.againTimer !== null) scheduler.clearTimer(this.againTimer);
    if (this.pause !== null) scheduler.clearTimer(this.pause);
  }

  private schedule(): void {
    if (this.scheduled || this.stopped || !this.hasRoom()) return;
    this.scheduled = true;
    inRootContext(() =>
      this.options.scheduler.soon(() => {
        this.scheduled = false;
        this.flush();
      }),
    );
  }

  /** Whether what is queued may go out beside what is in flight. */
  private hasRoom(): boolean {
    if (this.pause !== null) return false;
    if (this.inFlight.size === 0) return true;
    return this.inFlight.size < this.lanes && this.queue.length >= MIN_EXTRA_LANE_ITEMS;
  }

  private flush(): void {
    if (this.stopped || !this.hasRoom()) return;
    const batch = this.takeBatch();
    if (batch.length === 0) {
      this.becomeIdle();
      return;
    }
    this.inFlight.add(batch);
    this.call(batch, (failure) => {
      this.inFlight.delete(batch);
      if (failure !== null) this.failed(batch, failure.error);
    });
    if (this.queue.length > 0) this.schedule();
  }

  private takeBatch(): readonly Entry<I, O>[] {
    let rows = 0;
    let bytes = 0;
    let count = 0;
    const maxCount = this.lanes > 1 ? MAX_LANE_ITEMS : Number.POSITIVE_INFINITY;
    for (const { item } of this.queue) {
      const size = this.options.measure(item);
      rows += size.rows;
      bytes += size.bytes;
      if (count > 0 && (rows > MAX_ROWS || bytes > MAX_BYTES || count >= maxCount)) break;
      count += 1;
    }
    if (count === this.queue.length) {
      const all = this.queue;
      this.queue = [];
      return all;
    }
    return this.queue.splice(0, count);
  }

  /** Calls the store: `ended` is told what was wrong, or null, before the answers are passed on. */
  private call(batch: readonly Entry<I, O>[], ended: (failure: CallFailure | null) => void): void {
    const items = batch.map(({ item }) => item);
    this.options.send(items).then(
      (results) => {
        if (this.stopped) return;
        ended(null);
        this.answer(batch, results);
      },
      (error: unknown) => {
        if (!this.stopped) ended({ error });
      },
    );
  }

  private answer(batch: readonly Entry<I, O>[], results: readonly (O | Again)[]): void {
    this.endPause();
    for (const [index, entry] of batch.entries()) {
      const result = results[index];
      if (result === AGAIN) this.postponed.push(entry);
      else entry.done(result, undefined);
    }
    this.armAgain();
    this.flushNext();
  }

  private armAgain(): void {
    if (this.againTimer !== null || this.postponed.length === 0 || this.stopped) return;
    this.againTimer = this.options.scheduler.setTimer(() => {
      this.againTimer = null;
      this.queue.push(...this.postponed);
      this.postponed = [];
      this.schedule();
    }, AGAIN_MS);
  }

  private failed(batch: readonly Entry<I, O>[], error: unknown): void {
    const { what, logger, retryable } = this.options;
    if (retryable(error)) {
      logger.warn(`${what} failed (${batch.length} at once); trying again.`, { error });
      this.retries.add(batch, error);
      this.startPause();
    } else this.drop(batch, error);
  }

  private drop(batch: readonly Entry<I, O>[], error: unknown): void {
    for (const { done } of batch) done(undefined, error);
    this.flushNext();
  }

  private startPause(): void {
    if (this.pause !== null) return;
    this.pause = this.options.scheduler.setTimer(() => {
      this.pause = null;
      this.flushNext();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_RETRY_MS);
  }

  private endPause(): void {
    this.pauseMs = FIRST_RETRY_MS;
    if (this.pause === null) return;
    this.options.scheduler.clearTimer(this.pause);
    this.pause = null;
  }

  private flushNext(): void {
    if (this.queue.length > 0) this.schedule();
    else this.becomeIdle();
  }

  private becomeIdle(): void {
    if (!this.isIdle) return;
    const listeners = this.idleListeners;
    this.idleListeners = [];
    for (const listener of listeners) listener();
  }
}
