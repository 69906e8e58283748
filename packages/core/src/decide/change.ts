/** What becomes of the run itself when a turn commits: it ends, it is suspended, or it stays where it is. */
import type { RunOutcome } from '../model/run.js';
import type { RunChange } from '../model/turn.js';
import type { BodyEnd } from '../replay/activation.js';
import { nextWakeAt } from './due.js';
import { abandonPending, canSettle, outcomeOf, terminatedOutcome, timedOutOutcome } from './end.js';
import type { RunState } from './run-state.js';
import { describeWaiting, isActive } from './waiting.js';

/**
 * The change of a turn that is ready to be sent; null if the run goes on. A run that ends records here what is abandoned.
 *
 * @param now database time that the run has seen
 * @param mayBeSuspended false while this process is at work on something that no pending operation shows
 */
export function decideChange(
  state: RunState,
  end: BodyEnd | null,
  now: number,
  mayBeSuspended: boolean,
): RunChange | null {
  const { deadlineAt } = state;
  if (deadlineAt !== null && now >= deadlineAt) return settled(state, timedOutOutcome(state));
  if (end !== null && canSettle(state, now)) return settled(state, outcomeOf(state, end));
  if (end === null && cleanupIsOverdue(state, now)) {
    return settled(state, terminatedOutcome('its clean-up did not end in time'));
  }
  return mayBeSuspended && canSuspend(state, now) ? suspended(state) : null;
}

/**
 * Until when the run stays with its owner for the results of remote attempts that it has just sent: they go on in memory,
 * and cost one commit together with what the code asks for next. 0 = there is nothing to stay awake for.
 */
export function awakeUntil(state: RunState): number {
  for (const waiting of state.waiting.values()) {
    if (waiting.is === 'remote' && waiting.taskId !== null) return state.awakeUntil;
  }
  return 0;
}

/** The change of a run that was cancelled before its body ever ran. */
export function cancelledBeforeStart(state: RunState): RunChange {
  return settled(state, {
    status: 'cancelled',
    output: null,
    error: null,
    reason: state.cancel?.reason ?? null,
  });
}

function cleanupIsOverdue(state: RunState, now: number): boolean {
  return state.cancel !== null && state.waiting.size > 0 && canSettle(state, now);
}

function settled(state: RunState, outcome: RunOutcome): RunChange {
  abandonPending(state);
  return { to: 'settled', outcome, hasChildren: state.hasChildren };
}

function canSuspend(state: RunState, now: number): boolean {
  if (awakeUntil(state) > now) return false;
  for (const waiting of state.waiting.values()) if (isActive(waiting)) return false;
  return true;
}

function suspended(state: RunState): RunChange {
  const shown = [...state.waiting.values()].slice(0, MAX_WAITS_SHOWN);
  return { to: 'suspended', wakeAt: nextWakeAt(state), waitingFor: shown.map(describeWaiting) };
}

const MAX_WAITS_SHOWN = 20;
