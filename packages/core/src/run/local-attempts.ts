import { type AttemptEnd, isCancelled } from '../decide/attempts.js';
import { idempotencyKey } from '../decide/remote.js';
import type { RunState } from '../decide/run-state.js';
import type { LocalStep, LocalStepRunner } from './local-step.js';

/** The end of a local attempt of one run. */
export interface EndedAttempt {
  readonly position: number;
  readonly attempt: number;
  readonly end: AttemptEnd;
}

/** The local attempts of one run that run in this process, by position. They outlive a reload of the run. */
export class LocalAttempts {
  private readonly runner: LocalStepRunner;
  private readonly onEnded: (ended: EndedAttempt) => void;
  private readonly steps = new Map<number, LocalStep>();

  constructor(runner: LocalStepRunner, onEnded: (ended: EndedAttempt) => void) {
    this.runner = runner;
    this.onEnded = onEnded;
  }

  /** Starts the attempt of a step that is due, unless it runs here already. */
  start(state: RunState, position: number): void {
    const waiting = state.waiting.get(position);
    if (waiting?.is !== 'step' || waiting.phase !== 'due' || isCancelled(state, position)) return;
    const { operation, attempt, progress } = waiting;
    if (operation.request.kind !== 'step') return;
    state.waiting.set(position, { ...waiting, phase: 'running' });
    if (this.steps.get(position)?.attempt === attempt) return;
    const { invoke, options } = operation.request;
    const { timeoutMs, heartbeatTimeoutMs } = options;
    const key = idempotencyKey(state, position);
    const { name } = operation;
    const step = this.runner.start(
      { name, invoke, attempt, idempotencyKey: key, timeoutMs, heartbeatTimeoutMs, progress },
      (end) => this.ended({ position, attempt, end }),
    );
    this.steps.set(position, step);
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

  private ended(ended: EndedAttempt): void {
    const { position, attempt } = ended;
    if (this.steps.get(position)?.attempt === attempt) this.steps.delete(position);
    this.onEnded(ended);
  }
}
