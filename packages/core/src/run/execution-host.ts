import type { DecideEnv } from '../decide/run-state.js';
import type { TurnDraft } from '../decide/turn-draft.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import type { Turn } from '../model/turn.js';
import type { Activation } from '../replay/activation.js';
import type { RecordedHistory } from '../replay/recorded.js';
import type {
  CommitEnd,
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
} from '../store/state-store.js';
import type { LineLostError } from '../transport/remote-workflows.js';
import type { LocalStepRunner } from './local-step.js';
import type { RunExecution } from './run-execution.js';
import type { StepAttempt } from './step-losses.js';

/** The code of a run, to be run from the top. */
export interface BoundCode {
  readonly activation: Activation;
  /** Its body bound to its input and its `ctx`, where the code is here. */
  readonly body: () => Promise<unknown>;
}

/** What an activation of a run is made of, and whom it tells. */
export interface ActivationRequest {
  readonly run: RunRecord;
  readonly history: RecordedHistory | null;
  /** The code can no longer be trusted. */
  readonly onPoisoned: (error: Error) => void;
  /** The code is elsewhere, and can no longer be reached there. `unserved`: nor anywhere else. */
  readonly onLost: (reason: Error, unserved: boolean) => void;
  /** The outcome of a step that ran elsewhere will never be known. */
  readonly onStepLost: (reason: LineLostError, step: StepAttempt) => void;
  /** Workers that an attempt of a step elsewhere has lost so far. */
  readonly crashesOf: (step: StepAttempt) => number;
}

/** What a run's execution needs of the engine around it. */
export interface ExecutionHost {
  readonly decideEnv: DecideEnv;
  readonly localSteps: LocalStepRunner;
  readonly transactions: LocalStepRunner;
  /** For steps that run where their workflow's code is. */
  readonly elsewhereSteps: LocalStepRunner;
  /** @throws UnknownWorkflowError, CodecError if there is no code for the run, or its input cannot be decoded */
  activate(request: ActivationRequest): BoundCode;
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
  /**
   * Asks the handlers of remote attempts to stop; harmless when it is done twice. Resolves when they were asked or that
   * has failed, which is soon in any case; never rejects.
   */
  stopTasks(taskIds: readonly string[]): Promise<void>;
  onCommitted(run: RunRecord, turn: Turn, draft: TurnDraft): void;
  onWoken(runIds: readonly string[]): void;
  onParked(execution: RunExecution): void;
  onClosed(execution: RunExecution): void;
  /** The run's code is nowhere now: gives the run back, for whoever finds it first. */
  onUnserved(execution: RunExecution): void;
  onBlocked(run: RunRecord, error: Error): void;
}
