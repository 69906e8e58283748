/** A turn: what one run commits at once, and the parts it is made of. */
import type { HistoryEvent } from './history.js';
import type { InboxMessage } from './message.js';
import type { NewRun, RunOutcome, WaitingFor } from './run.js';

/** A wait for a signal. A newer wait of the same run on the same token replaces the older and keeps its place in line. */
export interface WaitRegistration {
  readonly token: string;
  readonly position: number;
  /** Payloads accepted after this database time do not count for the wait; null = no timeout. */
  readonly deadline: number | null;
}

/** A wait given up. With `deadline` it is a timeout: refused as `conflict` while a payload accepted in time is there. */
export interface WaitWithdrawal {
  readonly token: string;
  readonly position: number;
  readonly deadline: number | null;
}

/** A remote attempt in the outbox. `token` is random: a result without it is forged. */
export interface RemoteTask {
  readonly id: string;
  readonly namespace: string;
  readonly runId: string;
  readonly branch: number;
  readonly position: number;
  readonly attempt: number;
  readonly step: string;
  readonly token: string;
  readonly input: string;
  readonly idempotencyKey: string;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
  readonly priority: number;
  /** Progress that the last failed attempt reported; encoded, or null. */
  readonly progress: string | null;
}

/** A task as it is put into the outbox. */
export interface NewTask extends RemoteTask {
  /**
   * How long nobody takes it, in milliseconds: whoever has committed it hands it over by itself, and the others only if it
   * has not come that far. @default 0
   */
  readonly hiddenMs?: number;
}

/** The change of a run's row that a turn makes, if any. Each of them ends the ownership: the turn releases the run. */
export type RunChange =
  | {
      readonly to: 'suspended';
      /** Database time of the earliest timer, or null when only outside events can wake it. */
      readonly wakeAt: number | null;
      readonly waitingFor: readonly WaitingFor[];
    }
  | { readonly to: 'settled'; readonly outcome: RunOutcome; readonly hasChildren: boolean }
  | { readonly to: 'blocked'; readonly reason: string; readonly error: string };

/** Everything that one run commits at once (T1). Empty lists cost nothing. */
export interface Turn {
  readonly runId: string;
  readonly namespace: string;
  readonly branch: number;
  readonly worker: string;
  readonly epoch: number;
  /** Dense continuation of the branch's history. */
  readonly events: readonly HistoryEvent[];
  /** Inbox and signal messages that this turn consumed. If one is gone, the turn is a `conflict`. */
  readonly consumedInbox: readonly string[];
  readonly consumedSignals: readonly {
    readonly token: string;
    readonly messageId: string;
    readonly position: number;
  }[];
  readonly waits: readonly WaitRegistration[];
  readonly withdrawals: readonly WaitWithdrawal[];
  readonly tasks: readonly NewTask[];
  /** Tasks that are settled or given up. */
  readonly endedTasks: readonly string[];
  /**
   * A run with the id is there already: it is the same child if the same operation (run and position, on any branch) has
   * started it, with the same workflow and input digest. If it has ended, its outcome is put into the inbox again.
   * Otherwise the inbox gets a failed outcome with a `RunConflictError`.
   */
  readonly children: readonly NewRun[];
  /** Messages to other runs. */
  readonly messages: readonly InboxMessage[];
  readonly change: RunChange | null;
}
