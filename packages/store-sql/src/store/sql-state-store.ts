/**
 * The store port on a relational database. Every verb is one script (see `sql/script.ts`) in one transaction; what is
 * here is which script, and how a batch survives one bad item.
 */
import {
  type Arrival,
  type ClaimRequest,
  type ClaimResult,
  type CommitResult,
  type CreateOutcome,
  type CreateRunsRequest,
  type DeliverResult,
  type HeartbeatRequest,
  type HeartbeatResult,
  type HintListener,
  type HistoryEvent,
  type HistoryRequest,
  type InboxMessage,
  type NewRun,
  type ProbationRequest,
  type RetryRequest,
  type RunFilter,
  type RunPage,
  type RunRecord,
  type RunStatus,
  type SettingFinding,
  type SignalMessage,
  type StateStore,
  type StoreCapabilities,
  type SweepResult,
  type TakeOverRequest,
  type TakeOverResult,
  type TakeTasksRequest,
  type TakeTasksResult,
  type TaskResult,
  type TaskReturn,
  type TerminateRequest,
  type TransactionGate,
  type TransactionOutcome,
  type TransactionRequest,
  TransactionsUnsupportedError,
  type Turn,
  type UnservedTask,
  type VerbOutcome,
} from '@dudousxd/nestjs-durable-core';
import { examine } from '../doctor/doctor.js';
import type { DoctorOptions, DoctorReport } from '../doctor/report.js';
import { migrateSchema, verifySchema } from '../schema/migrate.js';
import { checkSettings } from '../settings/check-settings.js';
import { isDenied } from '../sql/denied.js';
import type { SqlExecutor } from '../sql/executor.js';
import type { OrmTransactions } from '../sql/orm-transactions.js';
import { claim, claimNothing } from './claim.js';
import { commitBatch } from './commit/commit-batch.js';
import { createBatch } from './create-batch.js';
import { createRuns } from './create-runs.js';
import { deliverMessages } from './deliver.js';
import { oneByOne } from './one-by-one.js';
import * as operate from './operate.js';
import { appendSignals, sweepNothing, sweepOutbox } from './outbox.js';
import * as ownership from './ownership.js';
import * as queries from './queries.js';
import { runGuarded } from './savepoint.js';
import * as signals from './signals.js';
import * as tasks from './tasks.js';
import { runTransaction } from './transaction.js';

export interface SqlStateStoreOptions {
  /** What error messages and the dashboard call it. */
  readonly name: string;
  readonly capabilities: Omit<StoreCapabilities, 'transactions'>;
  /** Transactions of the application's ORM; absent where the store cannot take part in them. */
  readonly transactions?: OrmTransactions;
}

/** `StateStore` over a `SqlExecutor`. ORM adapters extend it with nothing but the way to their connection. */
export class SqlStateStore implements StateStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly #executor: SqlExecutor;
  readonly #transactions: OrmTransactions | undefined;

  constructor(executor: SqlExecutor, { name, capabilities, transactions }: SqlStateStoreOptions) {
    this.#executor = executor;
    this.#transactions = transactions;
    this.name = name;
    this.capabilities = { ...capabilities, transactions: transactions !== undefined };
  }

  migrate(): Promise<void> {
    return migrateSchema(this.#executor);
  }

  /**
   * Checks that the schema is the one this release works with: for `autoSchema: false`.
   *
   * @throws SchemaMissingError, SchemaTooNewError
   */
  verifySchema(): Promise<void> {
    return verifySchema(this.#executor);
  }

  checkSettings(): Promise<readonly SettingFinding[]> {
    return checkSettings(this.#executor);
  }

  hint(namespace: string): Promise<void> {
    return this.#executor.hints.send(namespace);
  }

  onHint(listener: HintListener): () => void {
    return this.#executor.hints.listen(listener);
  }

  isUnavailable(error: unknown): boolean {
    // A file is there, or it is not.
    if (this.#executor.dialect.name === 'sqlite' || isDenied(error)) return false;
    return this.#executor.classify(error) === 'unavailable';
  }

  close(): Promise<void> {
    return this.#executor.close();
  }

  /**
   * Looks for broken invariants: see `DoctorInvariant` for what is looked at. Any finding is a bug of this library or a
   * change of its tables by others; a healthy database has none, however busy it is.
   *
   * It reads a page of runs after the other, each on one snapshot: it blocks no writer, and may run beside the
   * application. When its time is up, the report says where to go on.
   *
   * @throws InvalidArgumentError naming the option
   */
  doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
    return examine(this.#executor, options);
  }

  createRuns(request: CreateRunsRequest): Promise<readonly CreateOutcome[]> {
    return createBatch(this.#executor, request);
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const nothing = await this.#executor.read(() => claimNothing(request));
    return nothing ?? this.#executor.write(() => claim(request));
  }

  heartbeat(request: HeartbeatRequest): Promise<HeartbeatResult> {
    return this.#executor.urgent(() => ownership.heartbeat(request));
  }

  takeOver(request: TakeOverRequest): Promise<TakeOverResult> {
    return this.#executor.write(() => ownership.takeOver(request));
  }

  beginProbation(requests: readonly ProbationRequest[]): Promise<void> {
    return this.#executor.write(() => ownership.beginProbation(requests));
  }

  releaseWorker(worker: string): Promise<number> {
    return this.#executor.urgent(() => ownership.releaseWorker(worker));
  }

  releaseRun(runId: string, worker: string, epoch: number): Promise<boolean> {
    return this.#executor.write(() => ownership.releaseRun(runId, worker, epoch));
  }

  history(requests: readonly HistoryRequest[]): Promise<readonly (readonly HistoryEvent[])[]> {
    return this.#executor.read(() => queries.history(requests));
  }

  commit(turns: readonly Turn[]): Promise<readonly CommitResult[]> {
    return commitBatch(this.#executor, turns);
  }

  receive(runIds: readonly string[]): Promise<ReadonlyMap<string, readonly Arrival[]>> {
    return this.#executor.read(() => queries.receive(runIds));
  }

  deliver(messages: readonly InboxMessage[]): Promise<readonly DeliverResult[]> {
    return this.#executor.write(() => deliverMessages(messages));
  }

  signal(messages: readonly SignalMessage[]): Promise<readonly DeliverResult[]> {
    return this.#executor.write(() => signals.acceptSignals(messages));
  }

  async transaction(
    request: TransactionRequest,
    gate: TransactionGate,
  ): Promise<TransactionOutcome> {
    const place = { executor: this.#executor, transactions: this.#requireTransactions() };
    return runTransaction(place, request, gate);
  }

  /** @throws NotATransactionError */
  createRunsIn(
    transaction: unknown,
    runs: readonly NewRun[],
  ): readonly CreateOutcome[] | Promise<readonly CreateOutcome[]> {
    const runner = this.#requireTransactions().runnerOf(transaction);
    const create = () => createRuns({ runs, claim: null });
    return oneByOne(transaction, () => runGuarded(runner, this.#executor, create));
  }

  /** @throws NotATransactionError */
  signalIn(transaction: unknown, messages: readonly SignalMessage[]): void | Promise<void> {
    const runner = this.#requireTransactions().runnerOf(transaction);
    return oneByOne(transaction, () =>
      runGuarded(runner, this.#executor, () => appendSignals(messages)),
    );
  }

  async sweepOutbox(limit: number): Promise<SweepResult> {
    const nothing = await this.#executor.read(() => sweepNothing());
    return nothing ?? this.#executor.write(() => sweepOutbox(limit));
  }

  async takeTasks(request: TakeTasksRequest): Promise<TakeTasksResult> {
    const nothing = await this.#executor.read(() => tasks.takeNothing(request));
    return nothing ?? this.#executor.write(() => tasks.takeTasks(request));
  }

  extendTasks(taskIds: readonly string[], visibilityMs: number): Promise<void> {
    return this.#executor.write(() => tasks.extendTasks(taskIds, visibilityMs));
  }

  returnTasks(returns: readonly TaskReturn[]): Promise<void> {
    return this.#executor.write(() => tasks.returnTasks(returns));
  }

  markUnserved(taskIds: readonly string[]): Promise<void> {
    return this.#executor.write(() => tasks.markUnserved(taskIds));
  }

  listUnserved(runIds: readonly string[]): Promise<readonly UnservedTask[]> {
    return this.#executor.read(() => tasks.listUnserved(runIds));
  }

  completeTasks(results: readonly TaskResult[]): Promise<readonly DeliverResult[]> {
    return this.#executor.write(() => tasks.completeTasks(results));
  }

  getRun(runId: string): Promise<RunRecord | undefined> {
    return this.#executor.read(() => queries.getRun(runId));
  }

  listRuns(filter: RunFilter, limit: number, cursor: string | null): Promise<RunPage> {
    return this.#executor.read(() =>
      queries.listRuns(this.#executor.dialect, { filter, limit, cursor }),
    );
  }

  countRuns(filter: RunFilter): Promise<Readonly<Record<RunStatus, number>>> {
    return this.#executor.read(() => queries.countRuns(this.#executor.dialect, filter));
  }

  listSignals(
    namespace: string,
    token: string,
  ): Promise<readonly (SignalMessage & { readonly acceptedAt: number })[]> {
    return this.#executor.read(() => signals.listSignals(namespace, token));
  }

  listServed(namespace: string): Promise<readonly string[]> {
    return this.#executor.read(() => queries.listServed(namespace));
  }

  lastServed(namespace: string): Promise<ReadonlyMap<string, number>> {
    return this.#executor.read(() => queries.lastServed(namespace));
  }

  isKnownWorkflow(namespace: string, workflow: string): Promise<boolean> {
    return this.#executor.read(() => queries.isKnownWorkflow(namespace, workflow));
  }

  terminate(request: TerminateRequest): Promise<VerbOutcome> {
    return this.#executor.write(() => operate.terminate(request));
  }

  retry(request: RetryRequest): Promise<VerbOutcome> {
    return this.#executor.write(() => operate.retry(request));
  }

  deleteRun(runId: string): Promise<VerbOutcome> {
    return this.#executor.write(() => operate.deleteRun(runId));
  }

  purge(limit: number): Promise<number> {
    return this.#executor.write(() => signals.purge(limit));
  }

  #requireTransactions(): OrmTransactions {
    if (this.#transactions === undefined) throw new TransactionsUnsupportedError(this.name);
    return this.#transactions;
  }
}
