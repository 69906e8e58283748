/**
 * Finds work: polls the ready list with adaptive back-off, at once after a hint. The hint may be lost, the poll may not.
 *
 * - One claim is in flight at a time; a hint in the meantime makes the next one follow at once.
 * - After a hint of another process, each process looks at a moment of its own: they must not all ask at once.
 * - A claim whose answer was lost may have given this worker runs that it does not know of: the next claim asks for all
 *   runs that the worker owns (`resync`).
 * - Nothing that a callback throws stops the loop (trap B55).
 */
import { inRootContext } from '../runtime/root-context.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { ClaimResult, StateStore } from '../store/state-store.js';
import type { DatabaseClock } from './database-clock.js';

export interface ClaimLoopOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly namespace: string;
  readonly worker: () => string;
  readonly serves: () => readonly string[];
  /** How many more runs this process can execute now. */
  readonly capacity: () => number;
  /** Whether this process may own runs now. */
  readonly mayClaim: () => boolean;
  readonly maxPollMs: number;
  /** Called before each claim; with `resync`, what comes and goes from then on has moved meanwhile. */
  readonly onClaiming: (resync: boolean) => void;
  readonly onClaimed: (result: ClaimResult, worker: string) => void;
}

const MIN_POLL_MS = 5;
/** Over which the looks of several processes are spread after a hint, and at boot. */
const SPREAD_MS = 15;

export class ClaimLoop {
  private readonly options: ClaimLoopOptions;
  private timer: TimerHandle | null = null;
  private spreadTimer: TimerHandle | null = null;
  private inFlight = false;
  private kicked = false;
  private scheduled = false;
  private resync = false;
  private pollMs = MIN_POLL_MS;
  private running = false;
  /** The last claim left due runs behind, for want of capacity. */
  private starved = false;

  constructor(options: ClaimLoopOptions) {
    this.options = options;
  }

  start(): void {
    this.running = true;
    this.hinted();
  }

  stop(): void {
    this.running = false;
    this.clearTimer();
    if (this.spreadTimer !== null) this.options.runtime.scheduler.clearTimer(this.spreadTimer);
    this.spreadTimer = null;
  }

  /** Another process says that there is work: look soon, once for all hints until then. */
  hinted(): void {
    if (!this.running || this.spreadTimer !== null) return;
    const { scheduler, ids } = this.options.runtime;
    this.spreadTimer = scheduler.setTimer(() => {
      this.spreadTimer = null;
      this.look();
    }, SPREAD_MS * ids.random());
  }

  /** There may be work: look at once. */
  kick(): void {
    this.pollMs = MIN_POLL_MS;
    this.look();
  }

  /** Asks at once, or again when the claim that is in flight has returned. */
  private look(): void {
    if (!this.running) return;
    this.kicked = true;
    if (this.inFlight || this.scheduled) return;
    this.scheduled = true;
    this.clearTimer();
    inRootContext(() =>
      this.options.runtime.scheduler.soon(() => {
        this.scheduled = false;
        void this.poll();
      }),
    );
  }

  /** A run has left the process: if others are waiting for its place, look at once. */
  capacityFreed(): void {
    if (this.starved && !this.inFlight) this.kick();
  }

  /** An answer of the store that may have changed ownership was lost. */
  requestResync(): void {
    this.resync = true;
    this.kick();
  }

  private async poll(): Promise<void> {
    if (!this.running || this.inFlight) return;
    if (!this.options.mayClaim()) {
      this.schedule(this.options.maxPollMs);
      return;
    }
    this.inFlight = true;
    this.kicked = false;
    const delay = await this.claim();
    this.inFlight = false;
    if (!this.running) return;
    if (this.kicked) this.look();
    else this.schedule(delay);
  }

  /** Claims once; returns the pause before the next poll. */
  private async claim(): Promise<number> {
    const { store, runtime, namespace, clock, serves, capacity, onClaimed, onClaiming } =
      this.options;
    const worker = this.options.worker();
    const { resync } = this;
    this.resync = false;
    onClaiming(resync);
    try {
      const limit = Math.min(MAX_CLAIM, Math.max(0, capacity()));
      const result = await store.claim({ worker, namespace, serves: serves(), limit, resync });
      if (!this.running || worker !== this.options.worker()) return MIN_POLL_MS;
      clock.sample(result.now);
      this.starved = result.more;
      onClaimed(result, worker);
      return this.nextDelay(result, limit);
    } catch (error) {
      this.resync = true;
      runtime.logger.warn('Looking for runs to execute failed; trying again.', { error });
      return this.backOff();
    }
  }

  private nextDelay(result: ClaimResult, limit: number): number {
    if (result.claimed.length + result.wakes.length > 0) this.pollMs = MIN_POLL_MS;
    if (result.more && this.options.capacity() > 0) return 0;
    const delay = this.backOff();
    if (result.nextWakeAt === null || limit === 0) return delay;
    return Math.max(0, Math.min(delay, result.nextWakeAt - this.options.clock.now()));
  }

  private backOff(): number {
    const { maxPollMs, runtime } = this.options;
    const delay = this.pollMs * (0.75 + 0.5 * runtime.ids.random());
    this.pollMs = Math.min(this.pollMs * 2, maxPollMs);
    return delay;
  }

  private schedule(delayMs: number): void {
    this.clearTimer();
    this.timer = this.options.runtime.scheduler.setTimer(() => {
      this.timer = null;
      void this.poll();
    }, delayMs);
  }

  private clearTimer(): void {
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
    this.timer = null;
  }
}

/** Most runs that one claim asks for. */
const MAX_CLAIM = 500;
