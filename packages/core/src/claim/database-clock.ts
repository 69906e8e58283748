import type { Clock } from '../runtime/runtime.js';

/** How much faster or slower than the database's this process's clock is taken to run at most. */
const MAX_DRIFT = 0.1;
const MIN_DRIFT_MS = 2;

/**
 * The database's time, estimated between samples. A sample is a time that the database gave in an answer: when the
 * answer is here, the database's clock shows at least that. So the estimate is never ahead of the database, but for the
 * drift of this process's monotonic clock since the last sample.
 */
export class DatabaseClock {
  private readonly clock: Clock;
  private sampledAt: number;
  private databaseTime: number;
  private hasSample = false;

  constructor(clock: Clock) {
    this.clock = clock;
    this.sampledAt = clock.monotonic();
    this.databaseTime = clock.now();
  }

  /**
   * Takes a time that the database has given. An answer that took its time tells of a time that has passed: what is
   * further behind the estimate than drift could explain is left out.
   */
  sample(databaseNow: number): void {
    const drift = MIN_DRIFT_MS + (this.clock.monotonic() - this.sampledAt) * MAX_DRIFT;
    if (this.hasSample && databaseNow < this.now() - drift) return;
    this.hasSample = true;
    this.sampledAt = this.clock.monotonic();
    this.databaseTime = databaseNow;
  }

  /** Epoch milliseconds, whole. */
  now(): number {
    return Math.floor(this.databaseTime + (this.clock.monotonic() - this.sampledAt));
  }

  /**
   * Milliseconds until the database's clock has certainly reached `at`, however much this process's clock drifts; 0 if
   * it has.
   */
  untilCertain(at: number): number {
    const elapsed = this.clock.monotonic() - this.sampledAt;
    const earliest = this.databaseTime + elapsed * (1 - MAX_DRIFT);
    return Math.max(0, Math.ceil((at - earliest) / (1 - MAX_DRIFT)));
  }
}
