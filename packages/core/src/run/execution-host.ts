import type { DecideEnv } from '../decide/run-state.js';
import type { TurnDraft } from '../decide/turn-draft.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import type { Turn } from '../model/turn.js';
import type { Coroutine, ForeignCall } from '../replay/coroutine.js';
import type {
  CommitEnd,
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
} from '../store/state-store.js';
import type { LocalStepRunner } from './local-step.js';
import type { RunExecution } from './run-execution.js';

/** A workflow's body bound to its input and its `ctx`, or why there is none. */
export type BoundBody =
  | { readonly ok: true; readonly start: () => Promise<unknown> }
  | { readonly ok: false; readonly error: Error };

/** What a run's execution needs of the engine around it. */
export interface ExecutionHost {
  readonly decideEnv: DecideEnv;
  readonly localSteps: LocalStepRunner;
  readonly transactions: LocalStepRunner;
  readonly captureSite: (() => string | null) | null;
  bodyOf(run: RunRecord, coroutine: Coroutine): BoundBody;
  /** Queues a turn; `done` gets the store's answer, or no result if the process has given up writing. */
  commit(turn: Turn, done: (result: CommitEnd | undefined, error: unknown) => void): void;
  /** Runs an attempt of a transaction, and commits its checkpoint with it. */
  transact(request: TransactionRequest, gate: TransactionGate): Promise<TransactionOutcome>;
  /** Reads the run's history and arrivals again, at the same epoch. */
  reload(
    run: RunRecord,
    done: (history: readonly HistoryEvent[], arrivals: readonly Arrival[]) => void,
  ): void;
  /** Calls back when the database's clock has reached `at`. Returns a function that withdraws it. */
  startTimer(at: number, onDue: () => void): () => void;
  /** Whether steps may start: not while the process shuts down, nor when its lease is over. */
  mayStartSteps(): boolean;
  onCommitted(run: RunRecord, turn: Turn, draft: TurnDraft): void;
  onWoken(runIds: readonly string[]): void;
  onParked(execution: RunExecution): void;
  onClosed(execution: RunExecution): void;
  onForeignCall(run: RunRecord, call: ForeignCall): void;
  onBlocked(run: RunRecord, error: Error): void;
}
