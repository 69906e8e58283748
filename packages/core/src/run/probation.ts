/**
 * Runs that were lost several times without progress, and may be what killed their processes. One kills them all in turn
 * with whatever was claimed beside it, so few of them begin at a time:
 *
 * B1. A run on probation begins when its crash has been counted, and durably so. One that was only in line when the process
 *     died is not blamed for it.
 * B2. The next begins when one before it has made progress, has left the process, or has lived for a while.
 */
import { Batcher } from '../commit/batcher.js';
import type { RunRecord } from '../model/run.js';
import { startTimer } from '../remote/watchdog.js';
import type { Runtime } from '../runtime/runtime.js';
import type { ProbationRequest } from '../store/state-store.js';

/** Crashes without progress from which on a run is on probation. */
export const PROBATION_FROM = 3;

/** Runs that have begun without progress so far. Those that only wait for a step of theirs are few at a time. */
const MAX_BEGUN = 20;
/** What kills its process does so soon, in most cases; others wait for as long. */
const MAX_TURN_MS = 2_000;

export interface ProbationOptions {
  readonly runtime: Runtime;
  /** Counts a crash of each run; may be called again with the same. */
  readonly count: (requests: readonly ProbationRequest[]) => Promise<void>;
}

interface Probationer {
  readonly run: RunRecord;
  /** Whether this process still has the run. */
  readonly isHere: () => boolean;
  readonly begin: () => void;
}

export class Probation {
  private readonly runtime: Runtime;
  private readonly counts: Batcher<ProbationRequest, true>;
  private line: Probationer[] = [];
  /** Those whose turn it is, by run, and how to withdraw the end of it. */
  private readonly begun = new Map<string, { readonly who: Probationer; stopTimer: () => void }>();
  private stopped = false;

  constructor({ runtime, count }: ProbationOptions) {
    this.runtime = runtime;
    this.counts = new Batcher({
      what: 'Counting runs that were lost before',
      send: async (requests) => {
        await count(requests);
        return requests.map(() => true);
      },
      measure: () => ({ rows: 1, bytes: 0 }),
      scheduler: runtime.scheduler,
      logger: runtime.logger,
      retryable: () => !this.stopped,
    });
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
    const turn = this.begun.get(runId);
    if (turn === undefined) return;
    turn.stopTimer();
    this.begun.delete(runId);
    this.next();
  }

  /** Every run has left the process. */
  clear(): void {
    this.line = [];
    for (const { stopTimer } of this.begun.values()) stopTimer();
    this.begun.clear();
  }

  /** Begins nothing more: what is in line may be given back, and is not blamed. */
  stop(): void {
    this.stopped = true;
    this.clear();
    this.counts.kill();
  }

  private next(): void {
    while (this.begun.size < MAX_BEGUN) {
      const first = this.line.shift();
      if (first === undefined) return;
      if (first.isHere()) this.count(first);
    }
  }

  private count(who: Probationer): void {
    const { id: runId, worker, epoch, crashes } = who.run;
    this.begun.set(runId, { who, stopTimer: () => {} });
    const request = { runId, worker: worker ?? '', epoch, crashes: crashes + 1 };
    this.counts.add(request, () => this.begin(who));
  }

  private begin(who: Probationer): void {
    const turn = this.begun.get(who.run.id);
    if (turn?.who !== who) return;
    if (!who.isHere()) {
      this.release(who.run.id);
      return;
    }
    turn.stopTimer = startTimer(this.runtime, MAX_TURN_MS, () => this.release(who.run.id));
    who.begin();
  }
}
