/** Remote attempts: each is a row of the outbox, recorded when it is dispatched. */
import type { Operation } from '../replay/operation.js';
import type { RunState } from './run-state.js';

/** Puts the next attempt of a remote step into the outbox of the turn. */
export function dispatchAttempt(
  state: RunState,
  operation: Operation,
  attempt: number,
  progress: string | null,
): void {
  const { request, position, name } = operation;
  if (request.kind !== 'remote') return;
  const { run, env } = state;
  const taskId = env.id();
  const at = state.at();
  state.record(operation, { type: 'scheduled', attempt, detail: { taskId } }, at);
  state.awakeUntil = at + env.remoteAwakeMs;
  state.draft.tasks.push({
    id: taskId,
    namespace: run.namespace,
    runId: run.id,
    branch: run.branch,
    position,
    attempt,
    step: name,
    token: env.secret(),
    input: request.input,
    idempotencyKey: idempotencyKey(state, position),
    timeoutMs: request.options.timeoutMs,
    heartbeatTimeoutMs: request.options.heartbeatTimeoutMs,
    priority: run.priority,
    progress,
    hiddenMs: env.taskHiddenMs,
  });
  state.waiting.set(position, {
    is: 'remote',
    operation,
    attempt,
    taskId,
    at: null,
    progress: null,
  });
}

/** The same for all attempts of an operation, on every process that ever runs it. */
export function idempotencyKey({ run }: Pick<RunState, 'run'>, position: number): string {
  return `${run.namespace}:${run.id}:${run.branch}:${position}`;
}
