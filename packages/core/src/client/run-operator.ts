/** The verbs of people and of request handlers on existing runs: look, wait, cancel, terminate, retry, delete. */
import type { Batcher } from '../commit/batcher.js';
import type { HistoryEntry, ListFilter, RunList, RunResult, RunView } from '../engine-types.js';
import {
  InvalidArgumentError,
  RunBlockedError,
  RunCancelledError,
  RunNotFoundError,
  RunStateError,
  WaitTimeoutError,
} from '../errors/errors.js';
import { cancelMessage } from '../model/cancel-message.js';
import { requireRunId } from '../model/ids.js';
import type { InboxMessage } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import { isTerminal } from '../model/status.js';
import type { RunWaiters, SettledRun } from '../observe/run-waiters.js';
import { startTimer } from '../remote/watchdog.js';
import type { Settings } from '../settings.js';
import type { DeliverResult, RunFilter, StateStore, VerbOutcome } from '../store/state-store.js';
import { type Duration, parseDuration } from '../workflow/duration.js';
import { retryRun } from './retry-run.js';
import {
  isUnclaimable,
  type Serving,
  toEntry,
  toSummary,
  toView,
  waitsForRemote,
} from './views.js';

export interface RunOperatorOptions {
  readonly store: StateStore;
  readonly settings: Settings;
  readonly waiters: RunWaiters;
  readonly messages: Batcher<InboxMessage, DeliverResult>;
  /** Whether the run is in this process's memory: its end will be told. */
  readonly isHere: (runId: string) => boolean;
  readonly onWoken: (runIds: readonly string[]) => void;
  /** The run has been ended from outside: whoever executes it here has to stop. */
  readonly onEnded: (run: RunRecord) => void;
}

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

export class RunOperator {
  private readonly options: RunOperatorOptions;

  constructor(options: RunOperatorOptions) {
    this.options = options;
  }

  async get(runId: string): Promise<RunView> {
    const run = await this.require(runId);
    return toView(run, await this.servingFor([run]), this.options.settings.codec);
  }

  async list(filter: ListFilter = {}, cursor: string | null = null): Promise<RunList> {
    const { store, settings } = this.options;
    const { status, limit, ...rest } = filter;
    const statuses = typeof status === 'string' ? [status] : status;
    const asked: RunFilter = {
      ...rest,
      namespace: settings.namespace,
      ...(statuses === undefined ? {} : { status: statuses }),
    };
    const page = await store.listRuns(asked, requireLimit(limit), cursor);
    const serving = await this.servingFor(page.runs);
    return { runs: page.runs.map((run) => toSummary(run, serving)), cursor: page.cursor };
  }

  async history(runId: string, branch?: number): Promise<readonly HistoryEntry[]> {
    const run = await this.require(runId);
    const { store, settings } = this.options;
    const [events] = await store.history([
      { runId: run.id, branch: branch ?? run.branch, after: 0 },
    ]);
    return (events ?? []).map((event) => toEntry(event, settings.codec));
  }

  async wait(runId: string, timeout?: Duration): Promise<RunResult> {
    const id = requireRunId(runId, 'runId');
    const timeoutMs = timeout === undefined ? null : parseDuration(timeout, 'timeout');
    return new Promise<RunResult>((resolve, reject) => {
      let stopTimer = () => {};
      const stopWaiting = this.options.waiters.add(id, {
        settle: (run) => {
          stopTimer();
          this.conclude(id, run, resolve, reject);
        },
        fail: (error) => {
          stopTimer();
          reject(error);
        },
      });
      if (timeoutMs !== null) {
        stopTimer = startTimer(this.options.settings.runtime, timeoutMs, () => {
          stopWaiting();
          reject(new WaitTimeoutError({ runId: id, timeoutMs }));
        });
      }
      if (!this.options.isHere(id)) void this.lookOnce(id);
    });
  }

  async cancel(runId: string, reason?: string): Promise<RunView> {
    const run = await this.require(runId);
    if (isTerminal(run.status)) return this.refuseUnless(run, 'cancel', run.status === 'cancelled');
    if (run.status === 'blocked') return this.terminate(run.id, reason);
    if (run.status === 'pending' && (await this.cancelPending(run, reason))) {
      return this.get(run.id);
    }
    const { woken } = await this.options.messages.submit(cancelMessage(run.id, reason ?? null));
    this.options.onWoken(woken);
    return this.get(run.id);
  }

  async terminate(runId: string, reason?: string): Promise<RunView> {
    const { id } = await this.require(runId);
    const request = { runId: id, reason: reason ?? 'terminated', onlyIf: 'nonTerminal' } as const;
    const outcome = await this.options.store.terminate(request);
    const run = this.done(id, outcome, 'terminate', ['pending', 'running', 'suspended', 'blocked']);
    this.options.onEnded(run);
    return this.get(id);
  }

  /** Puts a blocked run back, or opens a new branch of a failed one that keeps its recorded results. */
  async retry(runId: string): Promise<RunView> {
    const run = await this.require(runId);
    const { store, settings } = this.options;
    const outcome = await retryRun(store, run, settings.codec);
    this.done(run.id, outcome, 'retry', ['failed', 'blocked']);
    return this.get(run.id);
  }

  async delete(runId: string): Promise<void> {
    const { id } = await this.require(runId);
    const outcome = await this.options.store.deleteRun(id);
    this.done(id, outcome, 'delete', ['completed', 'failed', 'cancelled']);
  }

  private async cancelPending(run: RunRecord, reason: string | undefined): Promise<boolean> {
    const request = { runId: run.id, reason: reason ?? 'cancelled', onlyIf: 'pending' } as const;
    const outcome = await this.options.store.terminate(request);
    if (outcome.outcome !== 'done') return false;
    this.options.onWoken(outcome.woken);
    this.options.onEnded(outcome.run);
    return true;
  }

  private async lookOnce(runId: string): Promise<void> {
    try {
      const run = await this.find(runId);
      if (run === undefined || isTerminal(run.status) || run.status === 'blocked') {
        this.options.waiters.notify(runId, run);
      }
    } catch (error) {
      this.options.settings.runtime.logger.warn('Looking at an awaited run failed; trying again.', {
        runId,
        error,
      });
    }
  }

  private conclude(
    runId: string,
    run: SettledRun | undefined,
    resolve: (result: RunResult) => void,
    reject: (error: unknown) => void,
  ): void {
    if (run === undefined) {
      reject(new RunNotFoundError(runId));
      return;
    }
    if (run.status === 'blocked') {
      reject(new RunBlockedError({ runId, reason: run.reason }));
      return;
    }
    try {
      resolve(toResult(run, this.options.settings));
    } catch (error) {
      reject(error);
    }
  }

  private async require(runId: string): Promise<RunRecord> {
    const id = requireRunId(runId, 'runId');
    const run = await this.find(id);
    if (run === undefined) throw new RunNotFoundError(id);
    return run;
  }

  /** The run, if it is in this namespace. */
  private async find(runId: string): Promise<RunRecord | undefined> {
    const { store, settings } = this.options;
    const run = await store.getRun(runId);
    return run?.namespace === settings.namespace ? run : undefined;
  }

  private done(
    runId: string,
    outcome: VerbOutcome,
    action: string,
    allowed: readonly string[],
  ): RunRecord {
    if (outcome.outcome === 'unknown') throw new RunNotFoundError(runId);
    if (outcome.outcome === 'refused') {
      throw new RunStateError({ runId, status: outcome.run.status, action, allowed });
    }
    this.options.onWoken(outcome.woken);
    return outcome.run;
  }

  private async refuseUnless(run: RunRecord, action: string, fine: boolean): Promise<RunView> {
    if (fine) return this.get(run.id);
    const allowed = ['pending', 'running', 'suspended', 'blocked'];
    throw new RunStateError({ runId: run.id, status: run.status, action, allowed });
  }

  /** Looks for all the runs at once, and only for what they need. */
  private async servingFor(runs: readonly RunRecord[]): Promise<Serving> {
    const { store, settings } = this.options;
    const remote = runs.filter(waitsForRemote).map(({ id }) => id);
    const [live, unserved] = await Promise.all([
      store.listServed(settings.namespace),
      remote.length === 0 ? [] : store.listUnserved(remote),
    ]);
    const served = new Set(live);
    const isNeeded = runs.some((run) => isUnclaimable(run, served));
    const lastServed = isNeeded
      ? await store.lastServed(settings.namespace)
      : new Map<string, number>();
    return { served, lastServed, unserved };
  }
}

function toResult(run: SettledRun, { codec }: Settings): RunResult {
  const { id: runId } = run;
  if (run.status === 'completed') {
    return {
      runId,
      status: 'completed',
      output: run.output === null ? undefined : codec.decode(run.output),
    };
  }
  if (run.status === 'cancelled') {
    return {
      runId,
      status: 'cancelled',
      error: new RunCancelledError({ runId, reason: run.reason }),
    };
  }
  return {
    runId,
    status: 'failed',
    error: run.error === null ? undefined : codec.decodeError(run.error),
  };
}

function requireLimit(limit: number | undefined): number {
  if (limit === undefined) return DEFAULT_PAGE;
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new InvalidArgumentError({
    field: 'limit',
    received: limit,
    todo: `Pass a whole number from 1 to ${MAX_PAGE}.`,
  });
}
