/** New operations: what each kind records and sets going when the code asks for it. */
import type { Operation, OperationRequest } from '../replay/operation.js';
import { dispatchAttempt } from './remote.js';
import type { RunState } from './run-state.js';
import type { Outcome } from './settlement.js';
import type { Waiting } from './waiting.js';

type RequestOf<K extends OperationRequest['kind']> = Extract<OperationRequest, { kind: K }>;

/** An operation that has its outcome already when it is asked for. */
export interface Immediate {
  readonly waiting: Waiting;
  readonly outcome: Outcome;
}

/** Takes a new operation into the state and the turn. */
export function schedule(state: RunState, operation: Operation): Immediate | null {
  const { request } = operation;
  switch (request.kind) {
    case 'step':
    case 'transaction':
      state.waiting.set(operation.position, {
        is: 'step',
        operation,
        attempt: 1,
        phase: 'due',
        at: null,
        progress: null,
      });
      state.draft.starts.push(operation.position);
      return null;
    case 'remote':
      return scheduleRemote(state, operation, request);
    case 'sleep':
      return scheduleSleep(state, operation, request);
    case 'signal':
      return scheduleSignal(state, operation, request);
    case 'child':
      return scheduleChild(state, operation, request);
    case 'childResult':
      return scheduleChildResult(state, operation, request);
    default:
      return request satisfies never;
  }
}

function scheduleRemote(
  state: RunState,
  operation: Operation,
  request: RequestOf<'remote'>,
): Immediate | null {
  const fresh = {
    is: 'remote',
    operation,
    attempt: 1,
    taskId: null,
    at: null,
    progress: null,
  } as const;
  state.waiting.set(operation.position, fresh);
  if (request.refused !== null) {
    return {
      waiting: fresh,
      outcome: { ok: false, payload: state.env.codec.encodeError(request.refused) },
    };
  }
  dispatchAttempt(state, operation, 1, null);
  return null;
}

function scheduleSleep(state: RunState, operation: Operation, request: RequestOf<'sleep'>): null {
  const now = state.at();
  const at = request.untilMs ?? now + (request.durationMs ?? 0);
  state.record(operation, { type: 'scheduled', detail: { deadline: at } }, now);
  state.waiting.set(operation.position, { is: 'sleep', operation, at });
  return null;
}

function scheduleSignal(state: RunState, operation: Operation, request: RequestOf<'signal'>): null {
  const now = state.at();
  const at = request.timeoutMs === null ? null : now + request.timeoutMs;
  const { token } = request;
  state.record(
    operation,
    { type: 'scheduled', detail: { token, ...(at === null ? {} : { deadline: at }) } },
    now,
  );
  state.draft.waits.push({ token, position: operation.position, deadline: at });
  state.waiting.set(operation.position, { is: 'signal', operation, token, at });
  return null;
}

function scheduleChild(
  state: RunState,
  operation: Operation,
  request: RequestOf<'child'>,
): Immediate | null {
  const { start, detached, refused } = request;
  const { run, env } = state;
  const childRunId = start.runId ?? env.id();
  const waiting = { is: 'child', operation, childRunId } as const;
  state.waiting.set(operation.position, waiting);
  if (refused !== null)
    return { waiting, outcome: { ok: false, payload: env.codec.encodeError(refused) } };
  state.hasChildren = true;
  state.childWorkflows.set(childRunId, start.workflow);
  state.record(operation, {
    type: 'scheduled',
    detail: {
      childRunId,
      childWorkflow: start.workflow,
      childVersion: start.version,
      ...(detached ? { detached } : {}),
    },
  });
  state.draft.children.push({
    id: childRunId,
    namespace: run.namespace,
    workflow: start.workflow,
    version: start.version,
    input: start.input,
    inputDigest: start.inputDigest,
    seed: env.secret(),
    parent: {
      runId: run.id,
      branch: run.branch,
      position: operation.position,
      closePolicy: start.closePolicy,
    },
    tags: start.tags,
    priority: start.priority,
    startAt: null,
    timeoutMs: null,
  });
  return detached
    ? { waiting, outcome: { ok: true, payload: env.codec.encode(childRunId) } }
    : null;
}

function scheduleChildResult(
  state: RunState,
  operation: Operation,
  request: RequestOf<'childResult'>,
): Immediate | null {
  const { childRunId } = request;
  const waiting = { is: 'child', operation, childRunId } as const;
  state.waiting.set(operation.position, waiting);
  const outcome = state.childOutcomes.get(childRunId);
  if (outcome !== undefined) return { waiting, outcome };
  state.record(operation, { type: 'scheduled', detail: { childRunId } });
  return null;
}
