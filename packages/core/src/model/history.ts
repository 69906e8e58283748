/**
 * History: the append-only log of one branch of a run. `seq` is dense from 1 and is the order in which outcomes were
 * delivered to the workflow code (T7). An operation is identified by its `position`, the order in which the code asked.
 */

/** The first `seq` of a branch. */
export const FIRST_SEQ = 1;

/** Kinds of operations, and the two kinds of events that belong to no operation (`patch`, `cancel`). */
export type OperationKind =
  | 'step'
  | 'transaction'
  | 'remote'
  | 'sleep'
  | 'signal'
  | 'child'
  | 'sideEffect'
  | 'patch'
  | 'cancel';

/**
 * What an event says of its operation.
 * - `scheduled`: asked for, and not done by this process: timers, waits, remote steps, children.
 * - `completed` / `failed`: its one outcome, as delivered to the code.
 * - `attemptFailed`: an attempt that will be followed by another.
 * - `withdrawn`: lost a `ctx.race`; it will have no outcome.
 * - `abandoned`: still pending when the body ended.
 * - `recorded`: belongs to no operation (a patch marker, a cancel request).
 */
export type HistoryEventType =
  | 'scheduled'
  | 'completed'
  | 'failed'
  | 'attemptFailed'
  | 'withdrawn'
  | 'abandoned'
  | 'recorded';

/** Membership of an operation in a region made by `ctx.all`, `ctx.race`, `ctx.map` or `ctx.scope`. */
export interface OperationGroup {
  readonly id: string;
  readonly mode: 'all' | 'race' | 'map' | 'scope';
  readonly name: string;
  readonly branch: number;
  /** The branch of the region around it, if there is one. */
  readonly parent?: { readonly id: string; readonly branch: number };
}

/** Facts of an event that only some kinds have. Kept as one JSON column. */
export interface EventDetail {
  /** Timer, wait with timeout, or retry: database time at which it fires. */
  readonly deadline?: number;
  /** Signal waits: the token. */
  readonly token?: string;
  /** Children: the child's run id. */
  readonly childRunId?: string;
  readonly childWorkflow?: string;
  readonly childVersion?: string;
  /** The recorded end of a child: it failed or was cancelled. */
  readonly childFailed?: boolean;
  /** Children started with `startChild`: the operation completes when the child exists. */
  readonly detached?: boolean;
  /** Remote steps: the id of the task. */
  readonly taskId?: string;
  /** Remote steps: id of the worker that ran the attempt. */
  readonly ranBy?: string;
  /** `attemptFailed`: database time of the next attempt. */
  readonly nextAttemptAt?: number;
  /** Last progress a step reported with `heartbeat`. */
  readonly progress?: string;
  /** Cancel: operations with a position below this are rejected. */
  readonly upto?: number;
  readonly reason?: string;
  /** A cancelled step whose real outcome was not known at the deadline. */
  readonly outcomeUnknown?: boolean;
}

/** One row of history. Times are epoch milliseconds of the database's clock as sampled by the owner. */
export interface HistoryEvent {
  readonly seq: number;
  readonly type: HistoryEventType;
  readonly kind: OperationKind;
  /** Null for events of no operation. */
  readonly position: number | null;
  readonly name: string;
  /** Digest of the operation's input, or null where the input is a closure. */
  readonly digest: string | null;
  /** `seq` of the outcome whose delivery made the code ask for this operation; 0 = the start. */
  readonly cause: number;
  readonly attempt: number;
  /** Encoded result or error; null where there is none. */
  readonly payload: string | null;
  /** When the event was made. */
  readonly at: number;
  /** Steps: when the attempt's body began. */
  readonly startedAt: number | null;
  /** The worker that made it. */
  readonly worker: string;
  /** `file:line:column` of the workflow code that asked, where capture is on. */
  readonly site: string | null;
  readonly group: OperationGroup | null;
  readonly detail: EventDetail | null;
}
