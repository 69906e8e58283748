/**
 * Cancellation, cooperative (semantics.md, ruling 16). The request is recorded with the position up to which it
 * reaches. Steps, remote attempts and children that are in progress are asked to stop, and their real outcomes are
 * waited for until the grace ends; then everything below that position rejects, in order, each in its own window.
 * Operations asked for later are clean-up, and run until their own deadline.
 */

import { cancelMessage } from '../model/cancel-message.js';
import type { OperationRequest } from '../replay/operation.js';
import { cancelledPayload } from './attempts.js';
import type { RunState } from './run-state.js';
import { type Delivery, settle } from './settlement.js';
import type { Waiting } from './waiting.js';

/** A cancel request that has its place in history. */
export interface RecordedCancel {
  readonly seq: number;
  readonly at: number;
  readonly reason: string | null;
}

/** Records a cancel request; null if there was one before. `upto` is the position the code will use next. */
export function takeCancel(
  state: RunState,
  messageId: string,
  reason: string | null,
  upto: number,
): RecordedCancel | null {
  state.draft.consumedInbox.push(messageId);
  if (state.cancel !== null) return null;
  const at = state.at();
  const seq = state.nextSeq;
  state.nextSeq += 1;
  const detail = { upto, ...(reason === null ? {} : { reason }) };
  state.draft.note(seq, state.worker, 'cancel', 'cancel', state.windowSeq, {
    type: 'recorded',
    at,
    detail,
  });
  state.windowSeq = seq;
  restoreCancel(state, reason, upto, at);
  for (const waiting of state.waiting.values()) askToStop(state, waiting);
  return { seq, at, reason };
}

/** Puts a cancel that stands in history back into force. */
export function restoreCancel(
  state: RunState,
  reason: string | null,
  upto: number,
  at: number,
): void {
  const graceUntil = at + state.env.cancelGraceMs;
  state.cancel = { reason, upto, graceUntil, cleanupUntil: graceUntil + state.env.cleanupGraceMs };
}

/**
 * The remote attempts that a cancel which stands in history waits for: to be asked to stop again, as whoever recorded it
 * may have died before he asked. Children need no second asking, their messages were part of that turn.
 */
export function tasksToStop(state: RunState): readonly string[] {
  const { cancel } = state;
  if (cancel === null) return [];
  return [...state.waiting.values()].flatMap((waiting) => {
    const isReached = waiting.operation.position < cancel.upto;
    return isReached && waiting.is === 'remote' && waiting.taskId !== null ? [waiting.taskId] : [];
  });
}

/** Rejects the next operation that the cancel reaches, if its time has come. */
export function nextRejection(state: RunState, now: number): Delivery | null {
  const { cancel } = state;
  if (cancel === null) return null;
  const reached = [...state.waiting.values()].filter(
    ({ operation }) => operation.position < cancel.upto,
  );
  if (reached.length === 0) return null;
  if (now < cancel.graceUntil && reached.some(isInProgress)) return null;
  const first = reached.reduce((a, b) => (a.operation.position < b.operation.position ? a : b));
  giveUp(state, first);
  const detail = isInProgress(first) ? { outcomeUnknown: true } : null;
  return settle(state, first, {
    ok: false,
    payload: cancelledPayload(state),
    attempt: attemptOf(first),
    detail,
  });
}

/** Whether clean-up has used up its time. */
export function cleanupIsOver({ cancel }: RunState, now: number): boolean {
  return cancel !== null && now >= cancel.cleanupUntil;
}

/** Undoes what a pending operation has set going outside the process. The operation itself stays the caller's. */
export function giveUp(state: RunState, waiting: Waiting): void {
  const { position } = waiting.operation;
  if (waiting.is === 'step') {
    if (waiting.phase === 'running') state.draft.stops.push(position);
  } else if (waiting.is === 'signal') {
    state.draft.withdrawals.push({ token: waiting.token, position, deadline: null });
  } else if (waiting.is === 'remote' && waiting.taskId !== null) {
    state.draft.endedTasks.push(waiting.taskId);
    state.draft.cancelledTasks.push(waiting.taskId);
  } else if (waiting.is === 'child') {
    askToStop(state, waiting);
  }
}

function askToStop(state: RunState, waiting: Waiting): void {
  if (waiting.is === 'remote' && waiting.taskId !== null)
    state.draft.cancelledTasks.push(waiting.taskId);
  if (waiting.is !== 'child') return;
  if (followsCancel(waiting.operation.request)) {
    state.draft.messages.push(
      cancelMessage(waiting.childRunId, `its parent run ${state.run.id} stopped waiting`),
    );
  }
}

/** Whether a cancel of this run is passed on to the child that it awaits. */
function followsCancel(request: OperationRequest): boolean {
  return request.kind === 'child' && !request.detached && request.start.closePolicy !== 'abandon';
}

function isInProgress(waiting: Waiting): boolean {
  switch (waiting.is) {
    case 'step':
      return waiting.phase === 'running';
    case 'remote':
      return waiting.taskId !== null;
    case 'child':
      return followsCancel(waiting.operation.request);
    case 'sleep':
    case 'signal':
      return false;
    default:
      return waiting satisfies never;
  }
}

function attemptOf(waiting: Waiting): number {
  return waiting.is === 'step' || waiting.is === 'remote' ? waiting.attempt : 1;
}
