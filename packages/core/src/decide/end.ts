/** The end of a body: its outcome, and what becomes of everything that is still pending. */
import { CancelledError, RunTimeoutError } from '../errors/errors.js';
import type { RunOutcome } from '../model/run.js';
import type { BodyEnd } from '../replay/activation.js';
import { cleanupIsOver } from './cancel.js';
import type { RunState } from './run-state.js';

/** Whether the run can become terminal: at once, or after a cancel when its clean-up has settled or has to stop. */
export function canSettle(state: RunState, now: number): boolean {
  return state.cancel === null || state.waiting.size === 0 || cleanupIsOver(state, now);
}

/** The outcome of a body that has ended by itself. */
export function outcomeOf(state: RunState, end: BodyEnd): RunOutcome {
  if (end.ok) return encodeOutput(state, end.value);
  const { codec } = state.env;
  const reason = state.cancel?.reason ?? null;
  const error = codec.encodeError(end.error);
  if (state.cancel !== null && isCancelled(end.error))
    return { status: 'cancelled', output: null, error: null, reason };
  return { status: 'failed', output: null, error, reason };
}

/** The outcome of a run whose clean-up did not end in time. */
export function terminatedOutcome(reason: string): RunOutcome {
  return { status: 'cancelled', output: null, error: null, reason };
}

/** The outcome of a run that has used up the time it was started with. */
export function timedOutOutcome({ run, env }: RunState): RunOutcome {
  const timeoutMs = (run.deadlineAt ?? run.createdAt) - run.createdAt;
  const error = new RunTimeoutError({ runId: run.id, timeoutMs });
  return { status: 'failed', output: null, error: env.codec.encodeError(error), reason: null };
}

/** Records what will never have an outcome. Waits, tasks and timers of a terminal run are removed by the store. */
export function abandonPending(state: RunState): void {
  for (const waiting of state.waiting.values()) {
    if (waiting.is === 'step' && waiting.phase === 'due') continue;
    state.record(waiting.operation, { type: 'abandoned' });
    if (waiting.is === 'remote' && waiting.taskId !== null)
      state.draft.cancelledTasks.push(waiting.taskId);
  }
  state.waiting.clear();
  state.draft.starts.length = 0;
}

function encodeOutput(state: RunState, value: unknown): RunOutcome {
  const { codec } = state.env;
  const nothing = { output: null, error: null, reason: null };
  try {
    return {
      ...nothing,
      status: 'completed',
      output: codec.encode(value, `output of workflow '${state.run.workflow}'`),
    };
  } catch (error) {
    return { ...nothing, status: 'failed', error: codec.encodeError(error) };
  }
}

/** Code that is stopped by a cancel ends with the cancel itself, or with what aborted I/O throws. */
function isCancelled(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    if (at instanceof CancelledError || at.name === 'AbortError') return true;
    seen.add(at);
  }
  return false;
}
