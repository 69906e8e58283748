/** Outcomes on their way to the code. */
import type { EventDetail } from '../model/history.js';
import type { RunState } from './run-state.js';
import type { Waiting } from './waiting.js';

/** The outcome of one operation, before it is recorded. */
export interface Outcome {
  readonly ok: boolean;
  /** Encoded value or error. */
  readonly payload: string;
  readonly attempt?: number;
  readonly startedAt?: number | null;
  readonly detail?: EventDetail | null;
}

/** A recorded outcome that the code has to see next. */
export interface Delivery {
  readonly seq: number;
  readonly at: number;
  readonly waiting: Waiting;
  readonly ok: boolean;
  readonly payload: string;
}

/** Records the outcome of a pending operation: from here on it is no longer pending. */
export function settle(state: RunState, waiting: Waiting, outcome: Outcome): Delivery {
  const { operation } = waiting;
  state.waiting.delete(operation.position);
  const at = state.at();
  const seq = state.record(
    operation,
    {
      type: outcome.ok ? 'completed' : 'failed',
      payload: outcome.payload,
      attempt: outcome.attempt ?? 1,
      startedAt: outcome.startedAt ?? null,
      detail: outcome.detail ?? null,
    },
    at,
  );
  state.windowSeq = seq;
  return { seq, at, waiting, ok: outcome.ok, payload: outcome.payload };
}
