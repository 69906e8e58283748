/** The periodic sweep that brings back the runs of dead workers, and removes what has expired. Never one-shot. */
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';

export interface TakeOverOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly leaseMs: number;
  readonly maxCrashes: number;
  /** Runs were taken over: there is work. */
  readonly onTaken: () => void;
}

/** Sized to bring 20,000 runs back within 10 s (semantics.md, ruling 8). */
const BATCH = 2_000;
const BACKOFF_FROM = 3;
const BACKOFF_MS = 1_000;
const BACKOFF_CAP_MS = 15 * 60_000;
const PURGE_LIMIT = 500;

export class TakeOverSweep {
  private readonly options: TakeOverOptions;
  private timer: TimerHandle | null = null;
  private running = false;

  constructor(options: TakeOverOptions) {
    this.options = options;
  }

  start(): void {
    this.running = true;
    void this.sweep();
  }

  stop(): void {
    this.running = false;
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
  }

  private async sweep(): Promise<void> {
    let more = false;
    try {
      more = await this.sweepOnce();
    } catch (error) {
      this.options.runtime.logger.warn('Looking for dead workers failed; trying again.', { error });
    }
    if (!this.running) return;
    const pause = more ? 0 : this.options.leaseMs * (0.2 + 0.1 * this.options.runtime.ids.random());
    this.timer = this.options.runtime.scheduler.setTimer(() => void this.sweep(), pause);
  }

  private async sweepOnce(): Promise<boolean> {
    const { store, maxCrashes, onTaken, runtime } = this.options;
    const { taken, blocked, more } = await store.takeOver({
      limit: BATCH,
      backoffFrom: BACKOFF_FROM,
      backoffMs: BACKOFF_MS,
      backoffCapMs: BACKOFF_CAP_MS,
      maxCrashes,
    });
    if (!this.running) return false;
    if (taken > 0) onTaken();
    if (blocked > 0)
      runtime.logger.error(
        `${blocked} runs are blocked: they killed their process ${maxCrashes} times.`,
      );
    if (!more) await store.purge(PURGE_LIMIT);
    return more;
  }
}
