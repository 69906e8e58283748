/**
 * The life of this process as a worker: heartbeats on the database's clock, and the judgement when the lease is over.
 *
 * L1. A worker id is used by one start of one process, once: a worker that was declared dead comes back under a new id.
 * L2. Self-fencing: when the last successful heartbeat was sent longer ago than the lease less a margin, this process
 *     stops on its own, by its monotonic clock, whatever the reason (trap B3).
 */
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';
import type { DatabaseClock } from './database-clock.js';

export interface WorkerLeaseOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly serves: () => readonly string[];
  /** The lease is over: every run has to be dropped. The next heartbeat registers under a new id. */
  readonly onLost: () => void;
  /** The first heartbeat after the start or after a loss has succeeded. */
  readonly onHeld: () => void;
  /** Each later heartbeat that has succeeded: time to compare what is owned with what is held. */
  readonly onBeat: () => void;
}

/** Part of the lease that is kept back for the time between the check and the database. */
const MARGIN = 0.1;
/**
 * Heartbeats under way at once. One may hang on a dead connection while the next gets through on another; more of them
 * would take the connections that everything else needs.
 */
const MAX_UNANSWERED = 3;
/** Part of the pause between two heartbeats. */
const JITTER = 0.2;

export class WorkerLease {
  private readonly options: WorkerLeaseOptions;
  private id: string;
  private held = false;
  private validUntil = 0;
  private timer: TimerHandle | null = null;
  private stopped = false;
  /** Heartbeats of the timer that are under way. */
  private unanswered = 0;

  constructor(options: WorkerLeaseOptions) {
    this.options = options;
    this.id = options.runtime.ids.id();
  }

  get worker(): string {
    return this.id;
  }

  /** Whether this process may own runs now. */
  get isHeld(): boolean {
    return this.held && this.options.runtime.clock.monotonic() < this.validUntil;
  }

  /** Registers the worker; rejects if the database cannot be reached. */
  async start(): Promise<void> {
    await this.beat();
    this.arm();
  }

  /** Tells the others at once of what this worker serves now. */
  announce(): void {
    if (this.held && this.unanswered < MAX_UNANSWERED) void this.tryBeat();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
  }

  private arm(): void {
    if (this.stopped) return;
    const { clock, scheduler } = this.options.runtime;
    const untilFence = this.held
      ? Math.max(0, this.validUntil - clock.monotonic())
      : Number.POSITIVE_INFINITY;
    // Processes that were started together must not go on beating together.
    const pauseMs = this.options.heartbeatMs * (1 - JITTER * this.options.runtime.ids.random());
    const delay = Math.min(pauseMs, untilFence);
    this.timer = scheduler.setTimer(() => this.tick(), delay);
  }

  private tick(): void {
    this.fenceIfLate();
    // The fence must not wait for an answer that may never come.
    if (this.unanswered < MAX_UNANSWERED) void this.tryBeat();
    this.arm();
  }

  private async tryBeat(): Promise<void> {
    this.unanswered += 1;
    try {
      await this.beat();
    } catch (error) {
      this.options.runtime.logger.warn('The heartbeat of this worker failed; trying again.', {
        error,
      });
    } finally {
      this.unanswered -= 1;
    }
  }

  /** Gives everything up if the lease is over by this process's own clock (L2). */
  fenceIfLate(): void {
    if (this.held && !this.isHeld) this.lose();
  }

  private async beat(): Promise<void> {
    const { store, runtime, clock, namespace, leaseMs, serves } = this.options;
    const worker = this.id;
    const sentAt = runtime.clock.monotonic();
    const answer = await store.heartbeat({ worker, namespace, leaseMs, serves: serves() });
    if (this.stopped || worker !== this.id) return;
    clock.sample(answer.now);
    if (!answer.alive) {
      this.lose();
      return;
    }
    // Answers may overtake each other: an older one says nothing new.
    this.validUntil = Math.max(this.validUntil, sentAt + leaseMs * (1 - MARGIN));
    this.fenceIfLate();
    if (worker !== this.id || runtime.clock.monotonic() >= this.validUntil) return;
    const firstOfLease = !this.held;
    this.held = true;
    if (firstOfLease) this.options.onHeld();
    else this.options.onBeat();
  }

  private lose(): void {
    this.held = false;
    this.validUntil = 0;
    this.id = this.options.runtime.ids.id();
    this.options.runtime.logger.warn('This worker has lost its lease; its runs go on elsewhere.');
    this.options.onLost();
  }
}
