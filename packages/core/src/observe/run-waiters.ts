/** `waitForRun`: told at once by commits of this process, and by polling of what other processes commit. */

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

export class RunWaiters {
  private readonly find: (runId: string) => Promise<SettledRun | undefined>;
  private readonly runtime: Runtime;
  private readonly waiters = new Map<string, Set<Waiter>>();
  private timer: TimerHandle | null = null;
  private pauseMs = MIN_PAUSE_MS;
  private stopped = false;

  /** @param find reads a run; undefined if there is none in this namespace */
  constructor(find: RunWaiters['find'], runtime: Runtime) {
    this.find = find;
    this.runtime = runtime;
  }

  /** Returns a function that ends the wait without a word. */
  add(runId: string, waiter: Waiter): () => void {
    const waiting = this.waiters.get(runId) ?? new Set();
    this.waiters.set(runId, waiting.add(waiter));
    this.pauseMs = MIN_PAUSE_MS;
    this.arm();
    return () => this.remove(runId, waiter);
  }

  /** The run is terminal or blocked, or does not exist. */
  notify(runId: string, run: SettledRun | undefined): void {
    const waiting = this.waiters.get(runId);
    if (waiting === undefined) return;
    this.waiters.delete(runId);
    for (const { settle } of waiting) settle(run);
  }

  /** The process stops: every wait fails. The runs go on elsewhere. */
  stop(): void {
    const waiting = [...this.waiters.values()];
    this.kill();
    for (const { fail } of waiting.flatMap((waiters) => [...waiters])) fail(new ShutdownError());
  }

  /** Forgets everything without a word: the process is dying. */
  kill(): void {
    this.stopped = true;
    if (this.timer !== null) this.runtime.scheduler.clearTimer(this.timer);
    this.timer = null;
    this.waiters.clear();
  }

  private remove(runId: string, waiter: Waiter): void {
    const waiting = this.waiters.get(runId);
    waiting?.delete(waiter);
    if (waiting?.size === 0) this.waiters.delete(runId);
  }

  private arm(): void {
    if (this.timer !== null || this.stopped || this.waiters.size === 0) return;
    this.timer = this.runtime.scheduler.setTimer(() => void this.poll(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
  }

  /** One read at a time: many waiters must not become many reads. */
  private async poll(): Promise<void> {
    try {
      for (const runId of [...this.waiters.keys()]) {
        if (this.stopped) return;
        if (this.waiters.has(runId)) await this.look(runId);
      }
    } catch (error) {
      this.runtime.logger.warn('Looking at awaited runs failed; trying again.', { error });
    }
    this.timer = null;
    this.arm();
  }

  private async look(runId: string): Promise<void> {
    const run = await this.find(runId);
    if (run !== undefined && !isTerminal(run.status) && run.status !== 'blocked') return;
    this.notify(runId, run);
  }
}
