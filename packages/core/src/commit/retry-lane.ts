/**
 * Batches whose calls to the store have failed. They are sent again apart from everything else, for as long as it takes:
 *
 * R1. One call at a time, and after a failure a pause that grows: a database that is away is not asked by a crowd.
 * R2. A batch that fails a second time is halved. So what the store cannot take ends up alone, and what stood beside it
 *     goes through; each item is idempotent, in whatever batch it comes.
 * R3. A batch that has just come goes first, those that have failed again go last: what can never be taken keeps nobody.
 */
import type { Scheduler, TimerHandle } from '../runtime/runtime.js';

export interface RetryLaneOptions<E> {
  readonly scheduler: Scheduler;
  /** Sends a batch again; `ended` is told why the store gave no answer, or null if it did. */
  readonly send: (batch: readonly E[], ended: (failure: CallFailure | null) => void) => void;
  /** A batch has failed again; for log lines. */
  readonly onFailed: (batch: readonly E[], error: unknown) => void;
  /** Whether it is still worth sending. `false` ends the batch with the error. */
  readonly retryable: (error: unknown) => boolean;
  readonly drop: (batch: readonly E[], error: unknown) => void;
}

/** Why a call got no answer. Boxed, as anything may be thrown. */
export interface CallFailure {
  readonly error: unknown;
}

interface Failed<E> {
  readonly batch: readonly E[];
  readonly error: unknown;
}

export const FIRST_RETRY_MS = 20;
export const MAX_RETRY_MS = 2_000;

export class RetryLane<E> {
  private readonly options: RetryLaneOptions<E>;
  private failed: Failed<E>[] = [];
  private sending: readonly E[] = [];
  private pauseMs = FIRST_RETRY_MS;
  private timer: TimerHandle | null = null;
  private stopped = false;

  constructor(options: RetryLaneOptions<E>) {
    this.options = options;
  }

  get isEmpty(): boolean {
    return this.failed.length === 0 && this.sending.length === 0;
  }

  /** Everything that the store has not answered. */
  get entries(): readonly E[] {
    return [...this.sending, ...this.failed.flatMap(({ batch }) => batch)];
  }

  /** Takes a batch whose first call has failed. */
  add(batch: readonly E[], error: unknown): void {
    this.failed.unshift({ batch, error });
    this.arm();
  }

  kill(): void {
    this.stopped = true;
    this.failed = [];
    this.sending = [];
    if (this.timer !== null) this.options.scheduler.clearTimer(this.timer);
  }

  private arm(): void {
    if (this.timer !== null || this.sending.length > 0 || this.stopped) return;
    if (this.failed.length === 0) return;
    this.timer = this.options.scheduler.setTimer(() => {
      this.timer = null;
      this.sendNext();
    }, this.pauseMs);
  }

  private sendNext(): void {
    const next = this.failed.shift();
    if (next === undefined) return;
    if (!this.options.retryable(next.error)) {
      this.options.drop(next.batch, next.error);
      this.arm();
      return;
    }
    this.sending = next.batch;
    this.options.send(next.batch, (failure) => this.ended(next.batch, failure));
  }

  private ended(batch: readonly E[], failure: CallFailure | null): void {
    this.sending = [];
    if (failure === null) {
      this.pauseMs = FIRST_RETRY_MS;
      this.sendNext();
      return;
    }
    this.options.onFailed(batch, failure.error);
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_RETRY_MS);
    for (const part of halvesOf(batch)) this.failed.push({ batch: part, ...failure });
    this.arm();
  }
}

function halvesOf<E>(batch: readonly E[]): readonly (readonly E[])[] {
  if (batch.length < 2) return [batch];
  const middle = batch.length >> 1;
  return [batch.slice(0, middle), batch.slice(middle)];
}
