/**
 * The store port on plain maps: for tests, the quickstart and as the model that other stores are compared with. Lost
 * with the process. Each call is one synchronous transition that runs at once; its answer comes later and is a copy.
 */
import { TransactionsUnsupportedError } from '../../errors/errors.js';
import type { HistoryEvent } from '../../model/history.js';
import type { Arrival, InboxMessage, SignalMessage } from '../../model/message.js';
import type { RunRecord } from '../../model/run.js';
import type { RunStatus } from '../../model/status.js';
import { systemClock } from '../../runtime/system.js';
import type { SettingFinding } from '../setting-finding.js';
import type {
  ClaimRequest,
  ClaimResult,
  CommitResult,
  CreateOutcome,
  CreateRunsRequest,
  DeliverResult,
  HeartbeatRequest,
  HeartbeatResult,
  HintListener,
  HistoryRequest,
  ProbationRequest,
  RetryRequest,
  RunFilter,
  RunPage,
  StateStore,
  SweepResult,
  TakeOverRequest,
  TakeOverResult,
  TakeTasksRequest,
  TakeTasksResult,
  TaskResult,
  TaskReturn,
  TerminateRequest,
  TransactionOutcome,
  Turn,
  UnservedTask,
  VerbOutcome,
} from '../state-store.js';
import { claim } from './claim.js';
import { commitTurn } from './commit-turn.js';
import { copyOf } from './copy.js';
import { insertRun } from './create-run.js';
import { acceptSignal, completeTask, deliver } from './deliver.js';
import { countRuns, listRuns } from './list-runs.js';
import { deleteRun, retry, terminate } from './operator-verbs.js';
import { beginProbation, handBack, releaseWorker, takeOver } from './ownership.js';
import { receive } from './receive.js';
import { extendTasks, listUnserved, markUnserved, returnTasks, takeTasks } from './take-tasks.js';
import { createTables, Transition } from './transition.js';

/** Settings of an `InMemoryStateStore`. */
export interface InMemoryStateStoreOptions {
  /** The store's clock, in epoch milliseconds. @default the system's */
  readonly clock?: { now(): number };
}

/** Keeps all state in this process's memory. Not durable, not shared with other processes. */
export class InMemoryStateStore implements StateStore {
  readonly name = 'in-memory';
  readonly capabilities = {
    durable: false,
    shared: false,
    writeLanes: 1,
    hints: true,
    transactions: false,
  } as const;
  readonly #tables = createTables();
  readonly #clock: { now(): number };
  readonly #listeners = new Set<HintListener>();

  constructor({ clock = systemClock }: InMemoryStateStoreOptions = {}) {
    this.#clock = clock;
  }

  async migrate(): Promise<void> {}

  async verifySchema(): Promise<void> {}

  async checkSettings(): Promise<readonly SettingFinding[]> {
    return [];
  }

  /** It is always there. */
  isUnavailable(_error: unknown): boolean {
    return false;
  }

  async close(): Promise<void> {}

  async hint(namespace: string): Promise<void> {
    for (const listener of [...this.#listeners]) listener(namespace);
  }

  onHint(listener: HintListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async createRuns({ runs, claim: worker }: CreateRunsRequest): Promise<readonly CreateOutcome[]> {
    const tx = this.#begin();
    return runs.map((run) => {
      const existing = tx.tables.runs.get(run.id);
      if (existing) return { outcome: 'existing', run: copyOf(existing) };
      return { outcome: 'created', run: copyOf(insertRun(tx, run, worker)) };
    });
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    return claim(this.#begin(), request);
  }

  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatResult> {
    const { now, tables } = this.#begin();
    return { now, alive: tables.workers.beat(request, now) };
  }

  async takeOver(request: TakeOverRequest): Promise<TakeOverResult> {
    return takeOver(this.#begin(), request);
  }

  async beginProbation(requests: readonly ProbationRequest[]): Promise<void> {
    beginProbation(this.#begin(), requests);
  }

  async releaseWorker(worker: string): Promise<number> {
    return releaseWorker(this.#begin(), worker);
  }

  async releaseRun(runId: string, worker: string, epoch: number): Promise<boolean> {
    const tx = this.#begin();
    const run = tx.tables.runs.get(runId);
    if (!run || run.worker !== worker || run.epoch !== epoch) return false;
    handBack(tx, run);
    return true;
  }

  async history(
    requests: readonly HistoryRequest[],
  ): Promise<readonly (readonly HistoryEvent[])[]> {
    const { history } = this.#tables;
    return requests.map(({ runId, branch, after, limit }) =>
      history.read(runId, branch, after, limit),
    );
  }

  async commit(turns: readonly Turn[]): Promise<readonly CommitResult[]> {
    return turns.map((turn) => {
      const tx = this.#begin();
      const outcome = commitTurn(tx, turn);
      return { outcome, woken: tx.woken };
    });
  }

  async receive(runIds: readonly string[]): Promise<ReadonlyMap<string, readonly Arrival[]>> {
    const tx = this.#begin();
    const runs = runIds.flatMap((id) => tx.tables.runs.get(id) ?? []);
    return new Map(runs.map((run) => [run.id, receive(tx, run)]));
  }

  async deliver(messages: readonly InboxMessage[]): Promise<readonly DeliverResult[]> {
    return this.#answerEach(messages, deliver);
  }

  async signal(messages: readonly SignalMessage[]): Promise<readonly DeliverResult[]> {
    return this.#answerEach(messages, acceptSignal);
  }

  async transaction(): Promise<TransactionOutcome> {
    throw new TransactionsUnsupportedError(this.name);
  }

  createRunsIn(): never {
    throw new TransactionsUnsupportedError(this.name);
  }

  signalIn(): never {
    throw new TransactionsUnsupportedError(this.name);
  }

  async sweepOutbox(): Promise<SweepResult> {
    return { moved: 0, woken: [], more: false };
  }

  async takeTasks(request: TakeTasksRequest): Promise<TakeTasksResult> {
    return takeTasks(this.#begin(), request);
  }

  async extendTasks(taskIds: readonly string[], visibilityMs: number): Promise<void> {
    extendTasks(this.#begin(), taskIds, visibilityMs);
  }

  async returnTasks(returns: readonly TaskReturn[]): Promise<void> {
    returnTasks(this.#begin(), returns);
  }

  async markUnserved(taskIds: readonly string[]): Promise<void> {
    markUnserved(this.#begin(), taskIds);
  }

  async listUnserved(runIds: readonly string[]): Promise<readonly UnservedTask[]> {
    return listUnserved(this.#begin(), runIds);
  }

  async completeTasks(results: readonly TaskResult[]): Promise<readonly DeliverResult[]> {
    return this.#answerEach(results, completeTask);
  }

  async getRun(runId: string): Promise<RunRecord | undefined> {
    return copyOf(this.#tables.runs.get(runId));
  }

  async listRuns(filter: RunFilter, limit: number, cursor: string | null): Promise<RunPage> {
    return listRuns(this.#tables.runs, { filter, limit, cursor });
  }

  async countRuns(filter: RunFilter): Promise<Readonly<Record<RunStatus, number>>> {
    return countRuns(this.#tables.runs, filter);
  }

  async listSignals(
    namespace: string,
    token: string,
  ): Promise<readonly (SignalMessage & { readonly acceptedAt: number })[]> {
    const { now, tables } = this.#begin();
    const pending = tables.mailboxes.get(namespace, token)?.pending(now) ?? [];
    return pending.map(({ expiresAt: _, ...row }) => ({ namespace, token, ...row }));
  }

  async listServed(namespace: string): Promise<readonly string[]> {
    return this.#tables.workers.served(namespace, this.#clock.now());
  }

  async lastServed(namespace: string): Promise<ReadonlyMap<string, number>> {
    return this.#tables.workers.lastServed(namespace, this.#clock.now());
  }

  async isKnownWorkflow(namespace: string, workflow: string): Promise<boolean> {
    return this.#tables.workers.hasAnnounced(namespace, workflow);
  }

  async terminate(request: TerminateRequest): Promise<VerbOutcome> {
    return terminate(this.#begin(), request);
  }

  async retry(request: RetryRequest): Promise<VerbOutcome> {
    return retry(this.#begin(), request);
  }

  async deleteRun(runId: string): Promise<VerbOutcome> {
    return deleteRun(this.#begin(), runId);
  }

  async purge(limit: number): Promise<number> {
    const { now, tables } = this.#begin();
    const signals = tables.mailboxes.purge(limit, now);
    const owns = (worker: string): boolean => tables.runs.owns(worker);
    return signals + tables.workers.purge(limit - signals, now, owns);
  }

  #begin(): Transition {
    return new Transition(this.#tables, this.#clock.now());
  }

  /** Each item is a transition of its own. */
  #answerEach<T>(
    items: readonly T[],
    answer: (tx: Transition, item: T) => DeliverResult['outcome'],
  ): DeliverResult[] {
    return items.map((item) => {
      const tx = this.#begin();
      const outcome = answer(tx, item);
      return { outcome, woken: tx.woken };
    });
  }
}
