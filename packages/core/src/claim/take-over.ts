/**
 * The periodic sweep that brings back the runs of dead workers, and removes what has expired. Never one-shot.
 *
 * It looks a few times per lease, and when the next lease ends: a dead worker is found as soon as it may be. Each process
 * looks at a moment of its own; of several that look at once, one takes a dead worker's runs and the others pass it over.
 */
import { PROBATION_FROM } from '../run/probation.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';
import type { DatabaseClock } from './database-clock.js';

export interface TakeOverOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly leaseMs: number;
  readonly maxCrashes: number;
  /** Runs were taken over: there is work. */
  readonly onTaken: () => void;
}

/** Sized to bring 20,000 runs back within 10 s (semantics.md, ruling 8). */
const BATCH = 2_000;
const BACKOFF_MS = 1_000;
const BACKOFF_CAP_MS = 15 * 60_000;
const PURGE_LIMIT = 500;
/** Parts of a lease: the shortest and the longest pause between two looks, and how far processes are spread. */
const MIN_PAUSE = 0.2;
const MAX_PAUSE = 0.3;
const SPREAD = 0.02;

export class TakeOverSweep {
  private readonly options: TakeOverOptions;
  private timer: TimerHandle | null = null;
  private running = false;

  constructor(options: TakeOverOptions) {
    this.options = options;
  }

  start(): void {
    this.running = true;
    this.arm(this.spreadMs());
  }

  stop(): void {
    this.running = false;
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
  }

  private async sweep(): Promise<void> {
    let pauseMs = this.pauseMs();
    try {
      pauseMs = await this.sweepOnce();
    } catch (error) {
      this.options.runtime.logger.warn('Looking for dead workers failed; trying again.', { error });
    }
    if (this.running) this.arm(pauseMs);
  }

  private arm(delayMs: number): void {
    const { scheduler } = this.options.runtime;
    this.timer = scheduler.setTimer(() => void this.sweep(), delayMs);
  }

  private pauseMs(): number {
    const { leaseMs, runtime } = this.options;
    return leaseMs * (MIN_PAUSE + (MAX_PAUSE - MIN_PAUSE) * runtime.ids.random());
  }

  private spreadMs(): number {
    const { leaseMs, runtime } = this.options;
    return leaseMs * SPREAD * runtime.ids.random();
  }

  /** Sweeps; returns the pause before the next time. */
  private async sweepOnce(): Promise<number> {
    const { store, clock, maxCrashes, onTaken, runtime } = this.options;
    const { taken, blocked, more, nextExpiryAt } = await store.takeOver({
      limit: BATCH,
      probationFrom: PROBATION_FROM,
      backoffMs: BACKOFF_MS,
      backoffCapMs: BACKOFF_CAP_MS,
      maxCrashes,
    });
    if (!this.running) return 0;
    if (taken > 0) onTaken();
    if (blocked > 0)
      runtime.logger.error(
        `${blocked} runs are blocked: they killed their process ${maxCrashes} times.`,
      );
    if (more) return 0;
    await store.purge(PURGE_LIMIT);
    if (nextExpiryAt === null) return this.pauseMs();
    // A lease has ended when its last millisecond is over.
    const untilExpiryMs = Math.max(0, nextExpiryAt + 1 - clock.now());
    return Math.min(this.pauseMs(), untilExpiryMs + this.spreadMs());
  }
}
