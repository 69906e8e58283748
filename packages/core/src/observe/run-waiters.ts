/**
 * `waitForRun`: told at once by commits of this process, and by polling of what other processes commit.
 *
 * A run is looked at for the first time after a pause, and then ever more seldom. Of a run that this process executes, the
 * end is told in all but rare cases (somebody else has ended it, or has taken it over): the first look comes late.
 */

import { ShutdownError } from '../errors/errors.js';
import type { RunRecord } from '../model/run.js';
import { isTerminal } from '../model/status.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';

export type SettledRun = Pick<RunRecord, 'id' | 'status' | 'output' | 'error' | 'reason'>;

/** Somebody who waits. Exactly one of the two is called, once. */
export interface Waiter {
  /** The run is terminal or blocked; undefined: there is no such run. */
  readonly settle: (run: SettledRun | undefined) => void;
  /** The wait cannot go on. */
  readonly fail: (error: Error) => void;
}

const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

/** A run that somebody waits for. */
interface Awaited {
  readonly waiters: Set<Waiter>;
  /** Until the look that comes next; monotonic milliseconds. */
  lookAt: number;
  pauseMs: number;
}

export interface RunWaitersOptions {
  /** Reads a run; undefined if there is none in this namespace. */
  readonly find: (runId: string) => Promise<SettledRun | undefined>;
  /** Whether this process executes the run. */
  readonly isExecuted: (runId: string) => boolean;
  readonly runtime: Runtime;
}

export class RunWaiters {
  private readonly options: RunWaitersOptions;
  private readonly awaited = new Map<string, Awaited>();
  private timer: TimerHandle | null = null;
  private ringsAt = 0;
  private polling = false;
  private stopped = false;

  constructor(options: RunWaitersOptions) {
    this.options = options;
  }

  /** Returns a function that ends the wait without a word. */
  add(runId: string, waiter: Waiter): () => void {
    const pauseMs = this.options.isExecuted(runId) ? MAX_PAUSE_MS : MIN_PAUSE_MS;
    const lookAt = this.now() + pauseMs;
    const awaited = this.awaited.get(runId) ?? { waiters: new Set(), lookAt, pauseMs };
    awaited.waiters.add(waiter);
    awaited.lookAt = Math.min(awaited.lookAt, lookAt);
    awaited.pauseMs = Math.min(awaited.pauseMs, pauseMs);
    this.awaited.set(runId, awaited);
    this.ringAt(awaited.lookAt);
    return () => this.remove(runId, waiter);
  }

  /** The run is terminal or blocked, or does not exist. */
  notify(runId: string, run: SettledRun | undefined): void {
    const awaited = this.awaited.get(runId);
    if (awaited === undefined) return;
    this.awaited.delete(runId);
    for (const { settle } of awaited.waiters) settle(run);
  }

  /** The process stops: every wait fails. The runs go on elsewhere. */
  stop(): void {
    const waiting = [...this.awaited.values()].flatMap(({ waiters }) => [...waiters]);
    this.kill();
    for (const { fail } of waiting) fail(new ShutdownError());
  }

  /** Forgets everything without a word: the process is dying. */
  kill(): void {
    this.stopped = true;
    this.clearTimer();
    this.awaited.clear();
  }

  private now(): number {
    return this.options.runtime.clock.monotonic();
  }

  private remove(runId: string, waiter: Waiter): void {
    const awaited = this.awaited.get(runId);
    awaited?.waiters.delete(waiter);
    if (awaited?.waiters.size === 0) this.awaited.delete(runId);
  }

  private ringAt(time: number): void {
    if (this.polling || this.stopped) return;
    if (this.timer !== null && this.ringsAt <= time) return;
    this.clearTimer();
    this.ringsAt = time;
    const delayMs = Math.max(0, time - this.now());
    this.timer = this.options.runtime.scheduler.setTimer(() => void this.poll(), delayMs);
  }

  private clearTimer(): void {
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
    this.timer = null;
  }

  /** One read at a time: many waiters must not become many reads. */
  private async poll(): Promise<void> {
    this.timer = null;
    this.polling = true;
    try {
      for (const [runId, awaited] of [...this.awaited]) {
        if (this.stopped) return;
        if (this.awaited.get(runId) !== awaited || awaited.lookAt > this.now()) continue;
        awaited.pauseMs = Math.min(awaited.pauseMs * 2, MAX_PAUSE_MS);
        awaited.lookAt = this.now() + awaited.pauseMs;
        await this.look(runId);
      }
    } catch (error) {
      this.options.runtime.logger.warn('Looking at awaited runs failed; trying again.', { error });
    }
    this.polling = false;
    let next = Number.POSITIVE_INFINITY;
    for (const { lookAt } of this.awaited.values()) next = Math.min(next, lookAt);
    if (this.awaited.size > 0) this.ringAt(next);
  }

  private async look(runId: string): Promise<void> {
    const run = await this.options.find(runId);
    if (run !== undefined && !isTerminal(run.status) && run.status !== 'blocked') return;
    this.notify(runId, run);
  }
}
