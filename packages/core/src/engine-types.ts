import type { ClassCodec, ErrorClass } from './codec/codec.js';
import type { HistoryEvent } from './model/history.js';
import type { RetryPolicy } from './model/retry.js';
import type { WaitingFor } from './model/run.js';
import type { RunStatus, TerminalStatus } from './model/status.js';
import type { Runtime } from './runtime/runtime.js';
import type { StateStore } from './store/state-store.js';
import type { Transport } from './transport/transport.js';
import type { Duration } from './workflow/duration.js';

/** Settings of the worker role: the part that executes runs. Every default suits one app process on two cores. */
export interface WorkerOptions {
  /** How long a silent process keeps its runs. @default '30s' */
  readonly lease?: Duration;
  /** @default a third of the lease */
  readonly heartbeat?: Duration;
  /** Longest pause between two polls of an idle process. @default '500ms' */
  readonly maxPoll?: Duration;
  /** Runs that execute at once in this process; suspended runs do not count. @default 1000 */
  readonly maxActiveRuns?: number;
  /** Local step functions that run at once in this process. @default 100 */
  readonly maxLocalSteps?: number;
  /**
   * `ctx.transaction` bodies that run at once in this process. Each holds a connection of the application's pool for as
   * long as it takes: keep the number below the size of the pool. @default 5
   */
  readonly maxTransactions?: number;
  /** How long a suspended run's coroutine is kept in memory. @default '5s' */
  readonly residentIdle?: Duration;
  /** Suspended coroutines kept in memory. @default 10000 */
  readonly residentCount?: number;
  /** How long a cancelled run may wait for the real outcome of running steps. @default '30s' */
  readonly cancelGrace?: Duration;
  /** How long the clean-up of a cancelled run may take before the run is terminated. @default '5m' */
  readonly cleanupGrace?: Duration;
  /** Crashes without progress after which a run is `blocked`. @default 10 */
  readonly maxCrashes?: number;
  /**
   * How often the process of one attempt of a remote step may die in the middle, before the attempt fails with a
   * `RemoteCrashError`. @default 10
   */
  readonly maxRemoteCrashes?: number;
}

export interface EngineOptions {
  readonly store: StateStore;
  /** Carries remote steps. @default handlers of this process, called directly */
  readonly transport?: Transport;
  /** Separates applications in one database. @default 'default' */
  readonly namespace?: string;
  /** `false`: this process starts and signals runs, but executes none. */
  readonly worker?: boolean | WorkerOptions;
  /** Default policy of steps. */
  readonly retry?: RetryPolicy;
  readonly codec?: {
    readonly classes?: readonly ClassCodec[];
    readonly errors?: readonly ErrorClass[];
    /** @default 256 KiB */
    readonly warnBytes?: number;
    /** @default 2 MiB */
    readonly maxBytes?: number;
  };
  /** Create and migrate the schema at boot. @default true */
  readonly autoSchema?: boolean;
  /**
   * How long `start` waits for a database that cannot be reached. Whatever else is wrong with it (credentials, a newer
   * schema) fails at once. @default '30s'
   */
  readonly startTimeout?: Duration;
  /** How long starting a run waits for a transaction of the application that holds its run id. @default '10s' */
  readonly busyTimeout?: Duration;
  /** How long `stop` waits for running steps. @default '10s' */
  readonly shutdownTimeout?: Duration;
  /** Record `file:line:column` of each operation. @default false */
  readonly captureSites?: boolean;
  /**
   * Warn, with the user's line, when workflow code starts a timer or I/O outside a step. Costs little, but is meant for
   * development and tests. @default true unless NODE_ENV is 'production'
   */
  readonly detectForeignCalls?: boolean;
  /** Clock, timers, randomness and logger. @default the process's own; warnings go to standard error */
  readonly runtime?: Runtime;
}

export interface StartOptions {
  /** Makes the start idempotent. @default a UUIDv7 */
  readonly runId?: string;
  readonly version?: string;
  readonly tags?: readonly string[];
  /** Larger first. @default 0 */
  readonly priority?: number;
  /** Not before this time. */
  readonly startAt?: Date;
  /** The run fails unless it ends within this time. */
  readonly timeout?: Duration;
  /**
   * An open transaction of the application's ORM: the run exists when it commits, and is never seen if it rolls back. Not
   * the ORM's root handle.
   */
  readonly transaction?: unknown;
}

export interface StartResult {
  readonly runId: string;
  readonly status: 'pending';
  /** False when a run with this id, workflow and input was there already. */
  readonly created: boolean;
}

export interface SignalOptions {
  /** Deduplicates. @default random */
  readonly id?: string;
  /** How long an unconsumed payload is kept. @default '30 days' */
  readonly ttl?: Duration;
  /**
   * An open transaction of the application's ORM: the signal is sent when it commits, and never if it rolls back. Not the
   * ORM's root handle.
   */
  readonly transaction?: unknown;
}

export interface SignalResult {
  /**
   * False when a signal with this id had been accepted before. With `transaction` it is always true: a repeated id is
   * found, and ignored, after the commit.
   */
  readonly accepted: boolean;
}

/** One thing that a suspended run waits for. */
export interface RunWait extends WaitingFor {
  /**
   * Of kind `remote`: nobody serves the step, or nobody can hand it over, since this time in epoch milliseconds. Absent
   * while somebody does.
   */
  readonly unservedSince?: number;
}

/** A run as shown to users: payloads decoded, times as dates. */
export interface RunView {
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly parentRunId?: string;
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly finishedAt?: Date;
  readonly waitingFor: readonly RunWait[];
  /** Why it is blocked, cancelled or `unclaimable`. */
  readonly reason?: string;
  /** No live worker serves this workflow and version. */
  readonly unclaimable: boolean;
  /**
   * With `unclaimable`: when the last process that served it went, as long as that is remembered (a day); else when the
   * run was created.
   */
  readonly unclaimableSince?: Date;
  readonly branch: number;
}

/** A run in a list: without payloads. */
export type RunSummary = Omit<RunView, 'input' | 'output' | 'error'>;

export interface ListFilter {
  readonly workflow?: string;
  readonly status?: RunStatus | readonly RunStatus[];
  readonly tag?: string;
  readonly parentRunId?: string;
  /** @default 50, at most 200 */
  readonly limit?: number;
}

export interface RunList {
  readonly runs: readonly RunSummary[];
  readonly cursor: string | null;
}

/** How a run ended, as `waitForRun` tells it. */
export type RunResult =
  | {
      readonly runId: string;
      readonly status: Extract<TerminalStatus, 'completed'>;
      readonly output: unknown;
    }
  | {
      readonly runId: string;
      readonly status: Exclude<TerminalStatus, 'completed'>;
      readonly error: unknown;
    };

/** A history event as shown to users. */
export interface HistoryEntry extends Omit<HistoryEvent, 'payload' | 'at' | 'startedAt'> {
  readonly result?: unknown;
  readonly error?: unknown;
  readonly at: Date;
  readonly startedAt?: Date;
}

/** The engine's services to an application. Errors are `DurableError`s with a `code` and an HTTP status. */
export interface DurableClient {
  /** Creates a run and returns at once; `workflow` is a name or a registered class. */
  startRun(workflow: unknown, input: unknown, options?: StartOptions): Promise<StartResult>;
  /** Puts a payload into a token's mailbox; resolves when it is durable. */
  signal(token: string, payload?: unknown, options?: SignalOptions): Promise<SignalResult>;
  /** Resolves when the run is terminal; rejects with `WaitTimeoutError` (the run goes on) or `RunBlockedError`. */
  waitForRun(runId: string, options?: { readonly timeout?: Duration }): Promise<RunResult>;
  getRun(runId: string): Promise<RunView>;
  listRuns(filter?: ListFilter, cursor?: string | null): Promise<RunList>;
  history(runId: string, options?: { readonly branch?: number }): Promise<readonly HistoryEntry[]>;
  cancel(runId: string, reason?: string): Promise<RunView>;
  terminate(runId: string, reason?: string): Promise<RunView>;
  retry(runId: string): Promise<RunView>;
  deleteRun(runId: string): Promise<void>;
}
