/** From history back to the live state of the operations that are still pending. */
import type { HistoryEvent } from '../model/history.js';
import type { Operation } from '../replay/operation.js';
import { restoreCancel } from './cancel.js';
import type { RunState } from './run-state.js';
import { type Immediate, schedule } from './schedule.js';
import type { Waiting } from './waiting.js';

/** Takes what history says of the run as a whole into the state. */
export function restoreFacts(state: RunState, events: readonly HistoryEvent[]): void {
  for (const event of events) {
    state.observe(event.at);
    if (event.kind === 'cancel') {
      restoreCancel(state, event.detail?.reason ?? null, event.detail?.upto ?? 0, event.at);
    }
    if (event.kind !== 'child' || event.detail?.childRunId === undefined) continue;
    state.hasChildren = true;
    const { childRunId, childWorkflow } = event.detail;
    if (childWorkflow !== undefined) state.childWorkflows.set(childRunId, childWorkflow);
    if (event.type !== 'recorded') continue;
    const ok = event.detail.childFailed !== true;
    state.childOutcomes.set(event.detail.childRunId, { ok, payload: event.payload ?? '' });
  }
  state.nextSeq = (events.at(-1)?.seq ?? 0) + 1;
}

/**
 * Takes a pending operation of a replayed body into the state: as history left it, or as new if history has nothing of
 * it. A local step that was running when its process died is due again, with the same attempt.
 */
export function restoreOperation(
  state: RunState,
  operation: Operation,
  events: readonly HistoryEvent[],
): Immediate | null {
  const waiting = restoreWaiting(operation, events);
  if (waiting === null) return schedule(state, operation);
  state.waiting.set(operation.position, waiting);
  return null;
}

function restoreWaiting(operation: Operation, events: readonly HistoryEvent[]): Waiting | null {
  const last = events.at(-1);
  if (last === undefined) return null;
  const { detail } = last;
  switch (operation.request.kind) {
    case 'step':
    case 'transaction':
      return restoreStep(operation, last);
    case 'remote':
      return restoreRemote(operation, last);
    case 'sleep':
      return { is: 'sleep', operation, at: detail?.deadline ?? last.at };
    case 'signal':
      return {
        is: 'signal',
        operation,
        token: operation.request.token,
        at: detail?.deadline ?? null,
      };
    case 'child':
    case 'childResult':
      return { is: 'child', operation, childRunId: detail?.childRunId ?? '' };
    default:
      return operation.request satisfies never;
  }
}

function restoreStep(operation: Operation, failed: HistoryEvent): Waiting {
  return {
    is: 'step',
    operation,
    attempt: failed.attempt + 1,
    phase: 'backoff',
    at: failed.detail?.nextAttemptAt ?? failed.at,
    progress: failed.detail?.progress ?? null,
  };
}

function restoreRemote(operation: Operation, last: HistoryEvent): Waiting {
  const { attempt, detail } = last;
  if (last.type === 'scheduled') {
    return {
      is: 'remote',
      operation,
      attempt,
      taskId: detail?.taskId ?? null,
      at: null,
      progress: null,
    };
  }
  const at = detail?.nextAttemptAt ?? last.at;
  return {
    is: 'remote',
    operation,
    attempt: attempt + 1,
    taskId: null,
    at,
    progress: detail?.progress ?? null,
  };
}
