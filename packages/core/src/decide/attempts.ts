/** Ends of attempts, local and remote: the outcome of the operation, or one more attempt. */
import { CancelledError } from '../errors/errors.js';
import { nextAttemptAt } from './retry.js';
import type { RunState } from './run-state.js';
import { type Delivery, settle } from './settlement.js';
import type { Waiting } from './waiting.js';

/** How an attempt ended. */
export interface AttemptEnd {
  readonly ok: boolean;
  /** Encoded value or error. */
  readonly payload: string;
  /** The error itself where `ok` is false. */
  readonly error: unknown;
  readonly startedAt: number | null;
  /** Last progress that it reported, encoded. */
  readonly progress: string | null;
  /** Remote attempts: the worker that ran it. */
  readonly ranBy?: string;
}

type StepWaiting = Extract<Waiting, { is: 'step' | 'remote' }>;

/** Takes the end of the current attempt: delivers it, or records the failure and backs off. */
export function endAttempt(
  state: RunState,
  waiting: StepWaiting,
  end: AttemptEnd,
): Delivery | null {
  const { operation, attempt } = waiting;
  const { request } = operation;
  if (!('options' in request)) return null;
  const retryAt =
    end.ok || isCancelled(state, operation.position) ? null : retryTime(state, waiting, end);
  const { payload, startedAt } = end;
  const detail = end.ranBy === undefined ? null : { ranBy: end.ranBy };
  if (retryAt === null)
    return settle(state, waiting, { ok: end.ok, payload, attempt, startedAt, detail });
  const progress = end.progress === null ? {} : { progress: end.progress };
  state.record(operation, {
    type: 'attemptFailed',
    attempt,
    payload,
    startedAt,
    detail: { nextAttemptAt: retryAt, ...progress, ...detail },
  });
  state.waiting.set(operation.position, backoff(waiting, retryAt, end.progress));
  return null;
}

function retryTime(
  state: RunState,
  { operation, attempt }: StepWaiting,
  { error }: AttemptEnd,
): number | null {
  const { request } = operation;
  if (!('options' in request)) return null;
  const { env } = state;
  return nextAttemptAt({
    error,
    attempt,
    policy: request.options.retry,
    now: state.at(),
    random: env.random(),
  });
}

function backoff(waiting: StepWaiting, at: number, progress: string | null): StepWaiting {
  const attempt = waiting.attempt + 1;
  if (waiting.is === 'remote') return { ...waiting, attempt, taskId: null, at, progress };
  return { ...waiting, attempt, phase: 'backoff', at, progress };
}

/** Whether the operation was asked for before a cancel that the run has accepted. */
export function isCancelled(state: RunState, position: number): boolean {
  return state.cancel !== null && position < state.cancel.upto;
}

/** What a cancelled operation rejects with, encoded. */
export function cancelledPayload({ run, cancel, env }: RunState): string {
  return env.codec.encodeError(
    new CancelledError({ runId: run.id, reason: cancel?.reason ?? null }),
  );
}
