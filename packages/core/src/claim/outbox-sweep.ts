/**
 * Brings signals that were sent inside transactions of the application from the outbox into their mailboxes. It polls as
 * the claim loop does: at once after a signal of this process, then ever more rarely, as nobody tells when the
 * transaction commits. A signal of a process that has died since is found by the others' polls.
 */
import { inRootContext } from '../runtime/root-context.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';

export interface OutboxSweepOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly onWoken: (runIds: readonly string[]) => void;
}

const MIN_POLL_MS = 5;
const MAX_POLL_MS = 500;
/** Signals that one sweep moves. */
const BATCH = 500;

export class OutboxSweep {
  private readonly options: OutboxSweepOptions;
  private timer: TimerHandle | null = null;
  private inFlight = false;
  private kicked = false;
  private running = false;
  private pollMs = MIN_POLL_MS;

  constructor(options: OutboxSweepOptions) {
    this.options = options;
  }

  start(): void {
    if (!this.options.store.capabilities.transactions) return;
    this.running = true;
    this.kick();
  }

  stop(): void {
    this.running = false;
    this.clearTimer();
  }

  /** A transaction of this process has put a signal there, and will commit soon. */
  kick(): void {
    if (!this.running) return;
    this.pollMs = MIN_POLL_MS;
    this.kicked = true;
    if (!this.inFlight) this.schedule();
  }

  private async poll(): Promise<void> {
    this.inFlight = true;
    this.kicked = false;
    const more = await this.sweep();
    this.inFlight = false;
    if (!this.running) return;
    if (more) this.pollMs = 0;
    this.schedule();
    if (!this.kicked) this.pollMs = Math.min(Math.max(this.pollMs * 2, MIN_POLL_MS), MAX_POLL_MS);
  }

  private async sweep(): Promise<boolean> {
    const { store, runtime, onWoken } = this.options;
    try {
      const { moved, woken, more } = await store.sweepOutbox(BATCH);
      if (moved > 0) this.pollMs = MIN_POLL_MS;
      if (this.running) onWoken(woken);
      return more;
    } catch (error) {
      runtime.logger.warn('Delivering signals of transactions failed; trying again.', { error });
      return false;
    }
  }

  private schedule(): void {
    const { scheduler, ids } = this.options.runtime;
    this.clearTimer();
    const delay = this.pollMs * (0.75 + 0.5 * ids.random());
    this.timer = inRootContext(() => scheduler.setTimer(() => void this.poll(), delay));
  }

  private clearTimer(): void {
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
    this.timer = null;
  }
}
