/**
 * The store port. Each call is a read or an atomic transition with a name of its own; there is no general update. Calls
 * on the hot path take batches: each item is all or nothing and has its own answer. The invariants it carries:
 *
 * - **T1** All of a turn commits, or nothing of it.
 * - **T2** A turn whose (worker, epoch) is not the run's at commit time writes nothing and answers `fenced`, but for one
 *   that released the run and is sent again (see `CommitOutcome`). The check is a locked read in the same transaction as
 *   the writes.
 * - **T4** What arrives for a run is stored together with its wake-up: a due row in the ready list.
 * - **T6** A run changes its status only along the table of `model/status.ts`, and tells its parent of its end in the
 *   transition that ends it. The parent is told whatever its branch is by then.
 * - **I12** A run that is not terminal or blocked has an owner, a ready row, or an open wait, child or task.
 *
 * Wake-ups. The ready list has at most one row per run: the earliest time at which somebody has to look at it. Senders
 * put a due row there whether or not the run is owned. Claims take only unowned runs; due rows of runs that the asking
 * worker owns come back as `wakes`, due rows of runs that others own are left for them. A turn removes or postpones the
 * ready row of its run only if nothing is waiting to be received; otherwise a due row stays (semantics.md, ruling 3).
 *
 * Every call ends, with an answer or with an error, within a time that the store sets: a connection that hangs is the
 * store's to give up.
 *
 * Lock order everywhere: signal tokens, then runs, then ready rows, each sorted. Senders never lock runs.
 */
import type { HistoryEvent } from '../model/history.js';
import type { Arrival, InboxMessage, RemoteResult, SignalMessage } from '../model/message.js';
import type { NewRun, RunRecord } from '../model/run.js';
import type { RunStatus } from '../model/status.js';
import type { RemoteTask, Turn } from '../model/turn.js';
import type { SettingFinding } from './setting-finding.js';

export type {
  NewTask,
  RemoteTask,
  RunChange,
  Turn,
  WaitRegistration,
  WaitWithdrawal,
} from '../model/turn.js';

/** What a store can do beyond the port's minimum. Data, so that callers can say why they refuse. */
export interface StoreCapabilities {
  /** Whether acknowledged writes survive the death of the process. */
  readonly durable: boolean;
  /** Whether other processes can share it. */
  readonly shared: boolean;
  /** How many batches of turns, and of starts, are worth sending to it at once: 1 where there is one writer. */
  readonly writeLanes: number;
  /** Whether hints reach other processes. Where they do not, these find work by polling alone. */
  readonly hints: boolean;
  /**
   * Whether it can take part in transactions of the application: `transaction`, `createRunsIn`, `signalIn`. Without, these
   * reject with `TransactionsUnsupportedError`.
   */
  readonly transactions: boolean;
}

/** Gets the namespace in which something is due; null = hints may have been lost, so that it is time to look once. */
export type HintListener = (namespace: string | null) => void;

/**
 * Answer to one created run. `existing` carries what is stored, for the caller to detect a conflict. `busy`: a transaction
 * that has not ended is about to create a run of that id, or has the whole database locked; nothing was written.
 */
export type CreateOutcome =
  | { readonly outcome: 'created'; readonly run: RunRecord }
  | { readonly outcome: 'existing'; readonly run: RunRecord }
  | { readonly outcome: 'busy' };

/** Who creates: with `claim`, runs that are due at once are born `running`, owned by that worker at epoch 1. */
export interface CreateRunsRequest {
  readonly runs: readonly NewRun[];
  readonly claim: string | null;
}

export interface ClaimRequest {
  readonly worker: string;
  readonly namespace: string;
  /** `workflow@version` pairs that this worker can run: nothing else is claimed. */
  readonly serves: readonly string[];
  /** Most runs to claim; 0 asks for the wakes alone. */
  readonly limit: number;
  /**
   * Whether to list all runs that this worker owns already, too. Set after a call whose answer was lost, so that no run
   * is owned by a worker that does not know of it.
   */
  readonly resync: boolean;
}

/** A run handed to a worker, with what has arrived for it. */
export interface ClaimedRun {
  readonly run: RunRecord;
  readonly arrivals: readonly Arrival[];
}

export interface ClaimResult {
  /** Database time at the moment of the claim: timers with a deadline up to here have fired. */
  readonly now: number;
  readonly claimed: readonly ClaimedRun[];
  /** Runs that the worker owns and that have a due ready row; the rows are gone. Follow with `receive`. */
  readonly wakes: readonly string[];
  /** Only with `resync`: every run that the worker owned before this call. */
  readonly owned: readonly RunRecord[];
  /** Database time of the next ready row that this worker could claim; null if there is none. */
  readonly nextWakeAt: number | null;
  /** Whether more due runs were there than `limit`. */
  readonly more: boolean;
}

export interface HeartbeatRequest {
  readonly worker: string;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly serves: readonly string[];
}

export interface HeartbeatResult {
  readonly now: number;
  /** False: the worker had been declared dead and its runs were taken. It has to come back under a new id. */
  readonly alive: boolean;
}

export interface TakeOverRequest {
  /** Most runs to take from dead workers in this call. */
  readonly limit: number;
  /**
   * Crashes without progress from which on a run is on probation: its next claim is delayed, and only `beginProbation`
   * counts its crashes.
   */
  readonly probationFrom: number;
  /** Delay of the first claim on probation, doubled for each further one, and its cap. */
  readonly backoffMs: number;
  readonly backoffCapMs: number;
  /** Crashes without progress at which the run becomes `blocked`. */
  readonly maxCrashes: number;
}

/** A run on probation that is about to begin. */
export interface ProbationRequest {
  readonly runId: string;
  readonly worker: string;
  readonly epoch: number;
  /** The run's crashes, this time included: it counts as one until the run makes progress. */
  readonly crashes: number;
}

export interface TakeOverResult {
  readonly taken: number;
  readonly blocked: number;
  readonly more: boolean;
  /** Database time at which the next lease ends unless it is extended; null if there is none. */
  readonly nextExpiryAt: number | null;
}

export interface HistoryRequest {
  readonly runId: string;
  readonly branch: number;
  /** Only events with a larger `seq`. */
  readonly after: number;
  readonly limit?: number;
}

/**
 * - `committed`: durable, now or by an earlier try of the same turn. An earlier try shows in the history: while the run
 *   has the turn's owner, by the turn's first `seq`. After a turn that released the run, by its last `seq`, which is the
 *   end of the branch, for as long as nobody has claimed the run since (same epoch, no owner). Nothing is written then,
 *   and `woken` is empty.
 * - `fenced`: the run is not owned by (worker, epoch); nothing was written. Also the answer to a releasing turn without
 *   events that is sent again: nothing shows that it has committed.
 * - `conflict`: a message the turn consumed has gone elsewhere, or its timeout was beaten; nothing was written. The
 *   owner keeps the run and replays it from the store.
 * - `busy`: somebody else has the run locked for the moment; nothing was written. To be sent again.
 */
export type CommitOutcome = 'committed' | 'fenced' | 'conflict' | 'busy';

export interface CommitResult<Outcome extends CommitOutcome = CommitOutcome> {
  readonly outcome: Outcome;
  /** Runs that this turn woke, its own included when something had arrived for it: a hint for the local claim loop. */
  readonly woken: readonly string[];
}

/** The end of a turn, once nobody is in its way. */
export type CommitEnd = CommitResult<Exclude<CommitOutcome, 'busy'>>;

export interface DeliverResult {
  /** `accepted`: stored. `duplicate`: known already. `ignored`: the run is unknown, terminal, or on a later branch. */
  readonly outcome: 'accepted' | 'duplicate' | 'ignored';
  readonly woken: readonly string[];
}

/** A result of a remote attempt as a worker reports it. */
export interface TaskResult {
  readonly taskId: string;
  readonly token: string;
  readonly result: RemoteResult;
}

export interface TakeTasksRequest {
  readonly worker: string;
  readonly namespace: string;
  readonly limit: number;
  /** How long a taken task stays invisible to other takers, unless it is extended. */
  readonly visibilityMs: number;
  /** Only these step names, or null for all. */
  readonly steps: readonly string[] | null;
}

/** A task in the hands of a taker. */
export interface TakenTask extends RemoteTask {
  /** How often it was taken, this time included; what `returnTasks` gave back is not counted. */
  readonly takes: number;
  /** Whether nobody served it when it was taken before. */
  readonly isUnserved: boolean;
}

/** A task that was taken in vain, and when it is to be visible again. */
export interface TaskReturn {
  readonly taskId: string;
  readonly afterMs: number;
}

/** A task whose step nobody serves. */
export interface UnservedTask {
  readonly runId: string;
  readonly position: number;
  /** Database time at which that was first found. */
  readonly since: number;
}

export interface TakeTasksResult {
  readonly tasks: readonly TakenTask[];
  /** Database time at which the next task becomes visible; null if there is none. */
  readonly nextVisibleAt: number | null;
}

export interface RunFilter {
  readonly namespace: string;
  readonly workflow?: string;
  readonly status?: readonly RunStatus[];
  readonly tag?: string;
  readonly parentRunId?: string;
}

export interface RunPage {
  readonly runs: readonly RunRecord[];
  /** Pass it to the next call; null on the last page. Newest runs come first. */
  readonly cursor: string | null;
}

/** One attempt of a `ctx.transaction`, and the owner in whose name it is made. */
export interface TransactionRequest {
  readonly runId: string;
  readonly branch: number;
  readonly worker: string;
  readonly epoch: number;
  readonly position: number;
  readonly name: string;
  readonly cause: number;
  readonly attempt: number;
}

/** How the store and the attempt that it runs speak with each other. */
export interface TransactionGate {
  /** Database time at which the attempt began, as estimated. */
  readonly startedAt: number;
  /** Database time as estimated now. */
  now(): number;
  /**
   * Runs the body with the open transaction and returns its encoded result. Called again, with another transaction, when
   * a try was rolled back over a conflict with others. Synchronous where the body is.
   */
  work(tx: unknown): string | Promise<string>;
  /** Asked once per try, when the body is done. False: nothing of it may commit any more. */
  mayCommit(): boolean;
  /** Whether nobody waits for the attempt any more. */
  isAbandoned(): boolean;
}

/**
 * - `committed`: what the body wrote is durable together with its checkpoint, which is the arrival.
 * - `recorded`: this operation has committed before. This try was rolled back.
 * - `fenced`: the run is not owned by (worker, epoch) any more. Rolled back.
 * - `abandoned`: the gate said so. Rolled back.
 */
export type TransactionOutcome =
  | { readonly outcome: 'committed' | 'recorded'; readonly arrival: Arrival }
  | { readonly outcome: 'fenced' }
  | { readonly outcome: 'abandoned' };

export interface SweepResult {
  /** Signals that were moved from the outbox into their mailboxes. */
  readonly moved: number;
  /** Runs that they woke. */
  readonly woken: readonly string[];
  /** Whether more were there than `limit`. */
  readonly more: boolean;
}

/** Why an operator's verb did nothing. */
export type VerbOutcome =
  | { readonly outcome: 'done'; readonly run: RunRecord; readonly woken: readonly string[] }
  | { readonly outcome: 'refused'; readonly run: RunRecord }
  | { readonly outcome: 'unknown' };

export interface TerminateRequest {
  readonly runId: string;
  readonly reason: string;
  /** `pending`: only if no worker has ever owned the run. Used by cancel, which otherwise goes through the inbox. */
  readonly onlyIf: 'pending' | 'nonTerminal';
}

export interface RetryRequest {
  readonly runId: string;
  /** The branch and epoch that the caller saw: anything else is refused. */
  readonly branch: number;
  readonly epoch: number;
  /** History of the new branch; null puts a blocked run back on its present branch. */
  readonly events: readonly HistoryEvent[] | null;
  /**
   * Checkpoints that no turn had consumed when the run ended go over to the new branch if their transactions were asked
   * for before this `seq` of the old one: the code will ask for them again, at the same positions. The others are dropped.
   * @default 0
   */
  readonly checkpointsBefore?: number;
}

/** Port to the durable state. Implementations: `InMemoryStateStore`, and the SQL store under each ORM adapter. */
export interface StateStore {
  readonly name: string;
  readonly capabilities: StoreCapabilities;

  /** Creates or upgrades the schema; safe to call from several processes at once. */
  migrate(): Promise<void>;
  /** Changes nothing; rejects with an error that says what to do if the schema is not the one this release works with. */
  verifySchema(): Promise<void>;
  /** Looks once at what could make the database break the store's promises, or make it slow. Changes nothing. */
  checkSettings(): Promise<readonly SettingFinding[]>;
  /**
   * Whether a call has failed because the database could not be reached, or could not work: the same call may succeed
   * later. Not so when it has refused who asks.
   */
  isUnavailable(error: unknown): boolean;
  /** Releases what the store itself opened; the user's own handle stays open. */
  close(): Promise<void>;

  /**
   * Tells other processes that something is due in a namespace. A hint may be late, doubled or lost: polls remain. It is
   * never part of a transition, and takes no connection of the application's. Does nothing without the capability.
   */
  hint(namespace: string): Promise<void>;
  /** Listens to the hints of other processes, until the returned function is called or the store is closed. */
  onHint(listener: HintListener): () => void;

  /** A run whose id an open transaction holds is `busy` soon, and keeps no other waiting (semantics.md 6). */
  createRuns(request: CreateRunsRequest): Promise<readonly CreateOutcome[]>;
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /** Registers the worker or extends its lease. */
  heartbeat(request: HeartbeatRequest): Promise<HeartbeatResult>;
  /** Makes the runs of workers whose lease has passed claimable again, with epoch + 1. Suspended runs have no owner. */
  takeOver(request: TakeOverRequest): Promise<TakeOverResult>;
  /** Counts the crash that is to be feared, before the runs begin. Passes over those that are not owned at their epoch. */
  beginProbation(requests: readonly ProbationRequest[]): Promise<void>;
  /** Hands back all runs of a worker that stops, with epoch + 1, and forgets the worker. Costs no crash. */
  releaseWorker(worker: string): Promise<number>;
  /** Hands back one owned run without a turn; false if it was not owned at this epoch. */
  releaseRun(runId: string, worker: string, epoch: number): Promise<boolean>;

  history(requests: readonly HistoryRequest[]): Promise<readonly (readonly HistoryEvent[])[]>;
  commit(turns: readonly Turn[]): Promise<readonly CommitResult[]>;

  /** What can be delivered to owned runs now, in order of acceptance. Reading consumes nothing. */
  receive(runIds: readonly string[]): Promise<ReadonlyMap<string, readonly Arrival[]>>;
  deliver(messages: readonly InboxMessage[]): Promise<readonly DeliverResult[]>;
  signal(messages: readonly SignalMessage[]): Promise<readonly DeliverResult[]>;

  /**
   * Runs the body of a `ctx.transaction` in a transaction of the application's own handle, and commits a checkpoint with
   * what it has written, or nothing of both. The checkpoint is an arrival of the run: it is there as long as no turn has
   * consumed it, over the end of the run too, and no second one is ever written for the same operation.
   *
   * The check of (worker, epoch, branch) under the lock of the run (T2) is the last thing before COMMIT. When the answer to
   * COMMIT is lost, the store finds out before it answers. Rejects with the body's own error, rolled back.
   */
  transaction(request: TransactionRequest, gate: TransactionGate): Promise<TransactionOutcome>;
  /**
   * Creates runs inside an open transaction of the application: they are there when it commits. Nobody owns them.
   * Answers, or throws, at once where the driver is synchronous.
   */
  createRunsIn(
    transaction: unknown,
    runs: readonly NewRun[],
  ): readonly CreateOutcome[] | Promise<readonly CreateOutcome[]>;
  /**
   * Puts signals into an outbox inside an open transaction of the application, without any lock: `sweepOutbox` brings them
   * into their mailboxes after its commit. Answers, or throws, at once where the driver is synchronous.
   */
  signalIn(transaction: unknown, messages: readonly SignalMessage[]): void | Promise<void>;
  /**
   * Moves up to `limit` committed signals from the outbox into their mailboxes, those of one token in the order in which
   * they were sent, and wakes who waits for them. Costs next to nothing when there are none. Any number of callers at once.
   */
  sweepOutbox(limit: number): Promise<SweepResult>;

  takeTasks(request: TakeTasksRequest): Promise<TakeTasksResult>;
  /** Keeps tasks invisible for longer, as somebody has them: they are not unserved. Unknown ids are ignored. */
  extendTasks(taskIds: readonly string[], visibilityMs: number): Promise<void>;
  /** Gives back tasks that were taken in vain: the take is not counted. Unknown ids are ignored. */
  returnTasks(returns: readonly TaskReturn[]): Promise<void>;
  /** Remembers that nobody serves these tasks: since now, or since it was first said. Unknown ids are ignored. */
  markUnserved(taskIds: readonly string[]): Promise<void>;
  /** Puts results into the inboxes of their runs; `ignored` for an unknown task, attempt or token. */
  completeTasks(results: readonly TaskResult[]): Promise<readonly DeliverResult[]>;

  /**
   * Tasks of these runs that nobody serves: those marked so, and those that have been visible for longer than `UNTAKEN_MS`,
   * as nobody takes them.
   */
  listUnserved(runIds: readonly string[]): Promise<readonly UnservedTask[]>;

  getRun(runId: string): Promise<RunRecord | undefined>;
  listRuns(filter: RunFilter, limit: number, cursor: string | null): Promise<RunPage>;
  countRuns(filter: RunFilter): Promise<Readonly<Record<RunStatus, number>>>;
  /** Payloads of signals that nobody has consumed, oldest first. */
  listSignals(
    namespace: string,
    token: string,
  ): Promise<readonly (SignalMessage & { readonly acceptedAt: number })[]>;
  /** `workflow@version` pairs that live workers announce. */
  listServed(namespace: string): Promise<readonly string[]>;
  /**
   * Pairs that workers announced which are gone, with the database time at which the last of them went; not those that
   * live workers announce. As long as dead workers are remembered.
   */
  lastServed(namespace: string): Promise<ReadonlyMap<string, number>>;
  /** Whether any worker has ever announced this workflow, dead ones included. */
  isKnownWorkflow(namespace: string, workflow: string): Promise<boolean>;

  /** Ends a run as `cancelled`, tells its parent, closes its children by their policy. */
  terminate(request: TerminateRequest): Promise<VerbOutcome>;
  retry(request: RetryRequest): Promise<VerbOutcome>;
  /** Deletes a terminal run with its history; refused while it is not terminal. */
  deleteRun(runId: string): Promise<VerbOutcome>;
  /** Removes up to `limit` expired signals, those that expired first before others, then dead workers' rows; returns how many. */
  purge(limit: number): Promise<number>;
}
