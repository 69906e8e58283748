import { type AttemptEnd, isCancelled } from '../decide/attempts.js';
import { idempotencyKey } from '../decide/remote.js';
import type { RunState } from '../decide/run-state.js';
import type { Waiting } from '../decide/waiting.js';
import type { Arrival, Checkpoint } from '../model/message.js';
import type { OperationRequest } from '../replay/operation.js';
import type { TransactionGate, TransactionOutcome } from '../store/state-store.js';
import type { LocalAttempt, LocalEnd, LocalStep, LocalStepRunner } from './local-step.js';

type StepWaiting = Extract<Waiting, { is: 'step' }>;
type LocalRequest = Extract<OperationRequest, { kind: 'step' | 'transaction' }>;

/** The end of a local attempt of one run. */
export interface EndedAttempt {
  readonly position: number;
  readonly attempt: number;
  readonly end: AttemptEnd;
}

/** What starts local attempts, and who is told of their ends. */
export interface LocalAttemptsOptions {
  /** What counts attempts of a kind, and starts them. */
  readonly runnerOf: (kind: LocalRequest['kind']) => LocalStepRunner;
  /** Runs one attempt of a transaction as the run's present owner. */
  readonly transact: (
    attempt: TransactionAttempt,
    gate: TransactionGate,
  ) => Promise<TransactionOutcome>;
  readonly onEnded: (ended: EndedAttempt) => void;
  /** A transaction has committed; its checkpoint lies in the inbox. */
  readonly onCommitted: (checkpoint: Arrival) => void;
  /** The store says that the run has another owner. */
  readonly onFenced: () => void;
}

/** Which attempt of which transaction. */
type TransactionAttempt = Pick<Checkpoint, 'position' | 'name' | 'cause' | 'attempt'>;

/** The local attempts of one run that run in this process, by position. They outlive a reload of the run. */
export class LocalAttempts {
  private readonly options: LocalAttemptsOptions;
  private readonly steps = new Map<number, LocalStep>();

  constructor(options: LocalAttemptsOptions) {
    this.options = options;
  }

  /** Starts the attempt of a step that is due, unless it runs here already. */
  start(state: RunState, position: number): void {
    const waiting = state.waiting.get(position);
    if (waiting?.is !== 'step' || waiting.phase !== 'due' || isCancelled(state, position)) return;
    const { operation, attempt } = waiting;
    const { request } = operation;
    if (request.kind !== 'step' && request.kind !== 'transaction') return;
    state.waiting.set(position, { ...waiting, phase: 'running' });
    if (this.steps.get(position)?.attempt === attempt) return;
    const runner = this.options.runnerOf(request.kind);
    const call = this.callOf(waiting, request, idempotencyKey(state, position));
    const step = runner.start(call, (end) => this.ended(position, attempt, end));
    this.steps.set(position, step);
  }

  private callOf(
    { operation, attempt, progress }: StepWaiting,
    request: LocalRequest,
    key: string,
  ): LocalAttempt {
    const { name, position, cause } = operation;
    const { timeoutMs, heartbeatTimeoutMs } = request.options;
    const { transact } = this.options;
    const common = { name, attempt, progress, timeoutMs, heartbeatTimeoutMs, idempotencyKey: key };
    if (request.kind === 'step') return { ...common, invoke: request.invoke, transact: null };
    return {
      ...common,
      invoke: (step, tx) => request.invoke(tx, step),
      transact: (gate) => transact({ position, name, cause, attempt }, gate),
    };
  }

  /** After a reload: steps that are due and run here already are running, and are not started. */
  rejoin(state: RunState): void {
    for (const [position, { attempt }] of this.steps) {
      const waiting = state.waiting.get(position);
      if (waiting?.is !== 'step' || waiting.phase !== 'due' || waiting.attempt !== attempt)
        continue;
      state.waiting.set(position, { ...waiting, phase: 'running' });
      const at = state.draft.starts.indexOf(position);
      if (at >= 0) state.draft.starts.splice(at, 1);
    }
  }

  /** Fires the signals of all attempts and goes on waiting for their real outcomes. */
  abortAll(reason: Error): void {
    for (const step of [...this.steps.values()]) step.abort(reason);
  }

  /** Fires the signal of an attempt and forgets it. */
  drop(position: number, reason: Error): void {
    this.steps.get(position)?.drop(reason);
    this.steps.delete(position);
  }

  dropAll(reason: Error): void {
    for (const step of this.steps.values()) step.drop(reason);
    this.steps.clear();
  }

  private ended(position: number, attempt: number, end: LocalEnd): void {
    if (this.steps.get(position)?.attempt === attempt) this.steps.delete(position);
    const { onEnded, onCommitted, onFenced } = this.options;
    switch (end.outcome) {
      case 'ended':
        onEnded({ position, attempt, end: end.end });
        break;
      case 'committed':
      case 'recorded':
        onCommitted(end.arrival);
        break;
      case 'fenced':
        onFenced();
        break;
      default:
        end satisfies never;
    }
  }
}
