/** The passing of time: timers, timeouts of waits, ends of back-offs. */
import { SignalTimeoutError } from '../errors/errors.js';
import { isCancelled } from './attempts.js';
import { dispatchAttempt } from './remote.js';
import type { RunState } from './run-state.js';
import { type Delivery, settle } from './settlement.js';
import { dueAt, type Waiting } from './waiting.js';

/**
 * Does the next thing that is due at `now`: earliest first, then by position. Returns what the code has to see;
 * `'again'` when something was done that the code does not see; null when nothing is due.
 */
export function nextDue(state: RunState, now: number): Delivery | 'again' | null {
  const waiting = earliestDue(state, now);
  if (waiting === null) return null;
  state.observe(now);
  switch (waiting.is) {
    case 'sleep':
      return settle(state, waiting, { ok: true, payload: state.env.codec.encode(undefined) });
    case 'signal':
      return timeOut(state, waiting);
    case 'step':
      state.waiting.set(waiting.operation.position, { ...waiting, phase: 'due', at: null });
      state.draft.starts.push(waiting.operation.position);
      return 'again';
    case 'remote':
      dispatchAttempt(state, waiting.operation, waiting.attempt, waiting.progress);
      return 'again';
    case 'child':
      return null;
    default:
      return waiting satisfies never;
  }
}

/** Database time at which the run has to be looked at again, or null. */
export function nextWakeAt(state: RunState): number | null {
  let earliest = state.deadlineAt;
  const consider = (at: number | null) => {
    if (at !== null && (earliest === null || at < earliest)) earliest = at;
  };
  for (const waiting of state.waiting.values()) consider(timeOf(state, waiting));
  if (state.cancel !== null) consider(cancelWakeAt(state, state.cancel));
  return earliest;
}

/** When something is due about a pending operation. A cancel that reaches a step leaves no further attempts. */
function timeOf(state: RunState, waiting: Waiting): number | null {
  const retries = waiting.is === 'step' || waiting.is === 'remote';
  return retries && isCancelled(state, waiting.operation.position) ? null : dueAt(waiting);
}

function cancelWakeAt(state: RunState, cancel: NonNullable<RunState['cancel']>): number {
  for (const position of state.waiting.keys()) {
    if (position < cancel.upto) return cancel.graceUntil;
  }
  return cancel.cleanupUntil;
}

function earliestDue(state: RunState, now: number): Waiting | null {
  let found: Waiting | null = null;
  let foundAt = Number.POSITIVE_INFINITY;
  for (const waiting of state.waiting.values()) {
    const at = timeOf(state, waiting);
    if (at === null || at > now || at > foundAt) continue;
    if (at === foundAt && found !== null && found.operation.position < waiting.operation.position)
      continue;
    found = waiting;
    foundAt = at;
  }
  return found;
}

function timeOut(state: RunState, waiting: Extract<Waiting, { is: 'signal' }>): Delivery {
  const { token, operation, at } = waiting;
  const timeoutMs = operation.request.kind === 'signal' ? (operation.request.timeoutMs ?? 0) : 0;
  state.draft.withdrawals.push({ token, position: operation.position, deadline: at });
  const error = new SignalTimeoutError({ token, timeoutMs });
  return settle(state, waiting, { ok: false, payload: state.env.codec.encodeError(error) });
}
