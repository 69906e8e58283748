import type { Clock } from '../runtime/runtime.js';

/**
 * The database's time, estimated between samples. A sample is a time that the database gave in an answer: when the
 * answer is here, the database's clock shows at least that. So the estimate is never ahead of the database, but for the
 * drift of this process's monotonic clock since the last sample.
 */
export class DatabaseClock {
  private readonly clock: Clock;
  private sampledAt: number;
  private databaseTime: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.sampledAt = clock.monotonic();
    this.databaseTime = clock.now();
  }

  /** Takes a time that the database has just given. */
  sample(databaseNow: number): void {
    this.sampledAt = this.clock.monotonic();
    this.databaseTime = databaseNow;
  }

  /** Epoch milliseconds, whole. */
  now(): number {
    return Math.floor(this.databaseTime + (this.clock.monotonic() - this.sampledAt));
  }
}
