/**
 * Runs that were lost several times without progress, and may be what killed their processes. One kills them all in turn
 * with whatever was claimed beside it, so they begin one after the other:
 *
 * B1. A run on probation begins when its crash has been counted, and durably so. One that was only in line when the process
 *     died is not blamed for it.
 * B2. The next begins when the one before has made progress, has left the process, or has lived for a while.
 */
import type { RunRecord } from '../model/run.js';
import { startTimer } from '../remote/watchdog.js';
import type { Runtime } from '../runtime/runtime.js';
import type { ProbationRequest } from '../store/state-store.js';

/** Crashes without progress from which on a run is on probation. */
export const PROBATION_FROM = 3;

/** What kills its process does so soon, in most cases; others wait for as long. */
const MAX_TURN_MS = 2_000;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;

export interface ProbationOptions {
  readonly runtime: Runtime;
  /** Counts a crash of the run; may be called again with the same. */
  readonly count: (request: ProbationRequest) => Promise<void>;
}

interface Probationer {
  readonly run: RunRecord;
  /** Whether this process still has the run. */
  readonly isHere: () => boolean;
  readonly begin: () => void;
}

export class Probation {
  private readonly options: ProbationOptions;
  private line: Probationer[] = [];
  /** Its turn it is. */
  private current: Probationer | null = null;
  private stopTimer: (() => void) | null = null;

  constructor(options: ProbationOptions) {
    this.options = options;
  }

  /** Begins the run at once, unless it is on probation: then when it is its turn, if it is still here. */
  enter(run: RunRecord, isHere: () => boolean, begin: () => void): void {
    if (run.crashes < PROBATION_FROM) {
      begin();
      return;
    }
    this.line.push({ run, isHere, begin });
    this.next();
  }

  /** The run has made progress, or has left the process. */
  release(runId: string): void {
    if (this.current?.run.id === runId) this.pass();
  }

  /** Every run has left the process. */
  clear(): void {
    this.line = [];
    this.current = null;
    this.clearTimer();
  }

  private pass(): void {
    this.current = null;
    this.clearTimer();
    this.next();
  }

  private next(): void {
    while (this.current === null) {
      const first = this.line.shift();
      if (first === undefined) return;
      if (!first.isHere()) continue;
      this.current = first;
      void this.beginCounted(first);
    }
  }

  private async beginCounted(probationer: Probationer): Promise<void> {
    const { id: runId, worker, epoch, crashes } = probationer.run;
    const request = { runId, worker: worker ?? '', epoch, crashes: crashes + 1 };
    const { runtime, count } = this.options;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        await count(request);
        break;
      } catch (error) {
        runtime.logger.warn('Counting the claim of a run that was lost before failed.', { error });
      }
      await new Promise<void>((resolve) => this.startTimer(pauseMs, resolve));
      if (this.current !== probationer) return;
    }
    if (this.current !== probationer) return;
    if (!probationer.isHere()) {
      this.pass();
      return;
    }
    this.startTimer(MAX_TURN_MS, () => this.pass());
    probationer.begin();
  }

  private startTimer(delayMs: number, onDue: () => void): void {
    this.clearTimer();
    this.stopTimer = startTimer(this.options.runtime, delayMs, onDue);
  }

  private clearTimer(): void {
    this.stopTimer?.();
    this.stopTimer = null;
  }
}
