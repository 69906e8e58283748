import type { RunStatus, TerminalStatus } from './status.js';

/** What happens to a child run when its parent ends first. */
export type ClosePolicy = 'cancel' | 'terminate' | 'abandon';

/** The operation of a parent run that a child run reports to. */
export interface ParentRef {
  readonly runId: string;
  /** The parent's branch at the time of the child's start: its end closes the child. Later branches are told, too. */
  readonly branch: number;
  readonly position: number;
  readonly closePolicy: ClosePolicy;
}

/** One thing a suspended run waits for, as shown to people. */
export interface WaitingFor {
  readonly kind: 'timer' | 'signal' | 'child' | 'remote' | 'retry';
  readonly name: string;
  readonly position: number;
  /** Database time in epoch milliseconds at which the wait ends by itself. */
  readonly until?: number;
}

/** A run as the store keeps it. Payloads are encoded text; times are epoch milliseconds of the database's clock. */
export interface RunRecord {
  readonly id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  /** Number of the current history branch; 0 until a `retry` opens the next one. */
  readonly branch: number;
  /** Fencing token: grows by one whenever ownership is acquired, taken away or given up by force. */
  readonly epoch: number;
  /** The worker that owns the run, or null. */
  readonly worker: string | null;
  readonly input: string;
  readonly inputDigest: string;
  readonly output: string | null;
  readonly error: string | null;
  /** Random seed from which `ctx.random` and `ctx.uuid` are derived. */
  readonly seed: string;
  readonly parent: ParentRef | null;
  readonly tags: readonly string[];
  /** Larger runs first among due runs; default 0. */
  readonly priority: number;
  readonly createdAt: number;
  /** When the body first ran; null until then. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Database time by which the run has to be terminal, or null. */
  readonly deadlineAt: number | null;
  /** Claims in a row that ended in the death of the claiming worker without progress. */
  readonly crashes: number;
  readonly waitingFor: readonly WaitingFor[];
  /** Why the run is cancelled or blocked, in words. */
  readonly reason: string | null;
}

/** A run to be created. The store sets the times. */
export interface NewRun {
  readonly id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly input: string;
  readonly inputDigest: string;
  readonly seed: string;
  readonly parent: ParentRef | null;
  readonly tags: readonly string[];
  readonly priority: number;
  /** Earliest database time of the first claim; null = at once. */
  readonly startAt: number | null;
  /** Time budget from creation to a terminal status, in milliseconds; null = none. */
  readonly timeoutMs: number | null;
}

/** How a run ended. `output` and `error` are encoded text. */
export interface RunOutcome {
  readonly status: TerminalStatus;
  readonly output: string | null;
  readonly error: string | null;
  readonly reason: string | null;
}
