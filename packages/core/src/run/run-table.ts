/**
 * The runs that this process holds: those it executes, and the coroutines of suspended ones that it keeps as a cache,
 * bounded by count and idle time. Nothing else refers to a run but by its id, so a run that leaves the table is free.
 */
import { LeaseLostError } from '../errors/errors.js';
import type { HistoryEvent } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { ClaimedRun } from '../store/state-store.js';
import type { Probation } from './probation.js';
import type { RunExecution } from './run-execution.js';

export interface RunTableOptions {
  readonly runtime: Runtime;
  readonly residentIdleMs: number;
  readonly residentCount: number;
  readonly create: (run: RunRecord) => RunExecution;
  readonly probation: Probation;
  /** Reads the history of an owned run until it has it; says nothing if the process has lost the run meanwhile. */
  readonly load: (run: RunRecord, done: (history: readonly HistoryEvent[]) => void) => void;
}

export class RunTable {
  private readonly options: RunTableOptions;
  private readonly executions = new Map<string, RunExecution>();
  /** Parked runs and the monotonic time since when; oldest first. */
  private readonly parked = new Map<string, number>();
  /** Claims that overtook the acknowledgement of the suspension before them. */
  private readonly overtaking = new Map<
    string,
    { readonly claimed: ClaimedRun; readonly now: number }
  >();
  /** Runs that have come or gone since the last `beginResync`. */
  private moved: Set<string> | null = null;
  private evictTimer: TimerHandle | null = null;

  constructor(options: RunTableOptions) {
    this.options = options;
  }

  /** Runs that execute now. */
  get active(): number {
    return this.executions.size - this.parked.size;
  }

  get resident(): number {
    return this.executions.size;
  }

  get(runId: string): RunExecution | undefined {
    return this.executions.get(runId);
  }

  /**
   * Takes owned runs in: resumes a kept coroutine if it is the very one that was suspended, else loads and replays.
   *
   * @param first whether an epoch of 1 says that the run has never run: so it is, but for runs that are found as owned
   */
  adopt(claimed: readonly ClaimedRun[], now: number, first = true): void {
    const fresh: ClaimedRun[] = [];
    for (const item of claimed) if (!this.adoptKnown(item, now)) fresh.push(item);
    if (fresh.length > 0) this.loadAndBegin(fresh, now, first);
  }

  /** From here on, runs that come or go are remembered: a list of owned runs that was asked for now is old for them. */
  beginResync(): void {
    this.moved = new Set();
  }

  /**
   * Compares with the runs that the store lists as this worker's: drops those that have been taken away, and returns
   * those that nobody here knows of. What has moved since `beginResync` is left alone.
   */
  endResync(owned: readonly RunRecord[]): readonly RunRecord[] {
    const { moved } = this;
    this.moved = null;
    if (moved === null) return [];
    const ids = new Set(owned.map(({ id }) => id));
    for (const [runId, execution] of [...this.executions]) {
      if (execution.isOwned && !ids.has(runId) && !moved.has(runId)) this.dropLost(runId);
    }
    return owned.filter(({ id }) => !this.executions.has(id) && !moved.has(id));
  }

  /** Drops a run that this process no longer owns. */
  dropLost(runId: string): void {
    this.overtaking.delete(runId);
    const execution = this.executions.get(runId);
    if (execution === undefined) return;
    const { epoch } = execution;
    execution.drop(new LeaseLostError({ runId, worker: execution.worker, epoch }));
  }

  onParked(execution: RunExecution): void {
    this.moved?.add(execution.runId);
    this.parked.set(execution.runId, this.options.runtime.clock.monotonic());
    if (this.adoptOvertaking(execution.runId)) return;
    while (this.parked.size > this.options.residentCount) this.evictOldest();
    this.armEviction();
  }

  onClosed(execution: RunExecution): void {
    const { runId } = execution;
    this.moved?.add(runId);
    this.options.probation.release(runId);
    if (this.executions.get(runId) !== execution) return;
    this.remove(runId);
    this.adoptOvertaking(runId);
  }

  /** Drops every run: the lease is lost, or the process dies. */
  dropAll(reason: Error): void {
    this.overtaking.clear();
    this.options.probation.clear();
    for (const execution of [...this.executions.values()]) execution.drop(reason);
    if (this.evictTimer !== null) this.options.runtime.scheduler.clearTimer(this.evictTimer);
    this.evictTimer = null;
  }

  private adoptKnown(item: ClaimedRun, now: number): boolean {
    const { run, arrivals } = item;
    this.moved?.add(run.id);
    const known = this.executions.get(run.id);
    if (known === undefined) return false;
    if (known.isReleasing) {
      this.overtaking.set(run.id, { claimed: item, now });
      return true;
    }
    if (known.epoch === run.epoch && known.isSameRun(run)) {
      known.receive(arrivals);
      return true;
    }
    if (known.isParked && known.canResume(run)) {
      this.parked.delete(run.id);
      known.resume(run, arrivals, now);
      return true;
    }
    this.parked.delete(run.id);
    this.executions.delete(run.id);
    known.drop(new LeaseLostError({ runId: run.id, worker: run.worker ?? '', epoch: known.epoch }));
    return false;
  }

  private adoptOvertaking(runId: string): boolean {
    const waiting = this.overtaking.get(runId);
    if (waiting === undefined) return false;
    this.overtaking.delete(runId);
    this.adopt([waiting.claimed], waiting.now);
    return true;
  }

  private loadAndBegin(items: readonly ClaimedRun[], now: number, first: boolean): void {
    const created = items.map(({ run, arrivals }) => {
      const execution = this.options.create(run);
      this.executions.set(run.id, execution);
      return { run, arrivals, execution };
    });
    for (const { run, arrivals, execution } of created) {
      const isHere = () => this.executions.get(run.id) === execution;
      const begin = (history: readonly HistoryEvent[]) =>
        this.options.probation.enter(run, isHere, () => {
          if (isHere()) execution.begin(history, arrivals, now);
        });
      if (first && run.epoch <= 1) begin([]);
      else this.options.load(run, begin);
    }
  }

  private evictOldest(): void {
    const [runId] = this.parked.keys();
    if (runId !== undefined) this.remove(runId);
  }

  private remove(runId: string): void {
    this.parked.delete(runId);
    this.executions.delete(runId);
  }

  private armEviction(): void {
    const { runtime, residentIdleMs } = this.options;
    if (this.evictTimer !== null) return;
    this.evictTimer = runtime.scheduler.setTimer(() => this.evictIdle(), residentIdleMs);
  }

  private evictIdle(): void {
    this.evictTimer = null;
    const { runtime, residentIdleMs } = this.options;
    const before = runtime.clock.monotonic() - residentIdleMs;
    for (const [runId, since] of this.parked) {
      if (since > before) break;
      this.remove(runId);
    }
    if (this.parked.size > 0) this.armEviction();
  }
}
