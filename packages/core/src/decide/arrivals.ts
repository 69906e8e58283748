/** What arrives from outside: signals, results of children and of remote attempts, cancel requests (T4). */
import { DeterminismError } from '../errors/errors.js';
import type { Arrival, Checkpoint, InboxBody, RemoteResult } from '../model/message.js';
import type { RunOutcome } from '../model/run.js';
import { type Operation, recordedKind } from '../replay/operation.js';
import { cancelledPayload, endAttempt, isCancelled } from './attempts.js';
import { type ChildOutcome, toChildOutcome } from './child-outcome.js';
import type { RunState } from './run-state.js';
import { type Delivery, settle } from './settlement.js';

type SignalArrival = Extract<Arrival, { type: 'signal' }>;

/** Delivers a signal's payload to the wait it is matched with. A wait that is gone leaves the payload to others. */
export function takeSignal(
  state: RunState,
  arrival: SignalArrival,
  checked: CheckedResult,
): Delivery | null {
  const waiting = state.waiting.get(arrival.position);
  if (waiting?.is !== 'signal') return null;
  const { token, messageId, position } = arrival;
  state.draft.consumedSignals.push({ token, messageId, position });
  return settle(state, waiting, checked);
}

/** Takes the end of a child: delivers it to `ctx.child`, or keeps it until the code asks for the handle's result. */
export function takeChild(
  state: RunState,
  messageId: string,
  message: Extract<InboxBody, { kind: 'child' }>,
): Delivery | null {
  state.draft.consumedInbox.push(messageId);
  const { position, childRunId } = message;
  const waiting = state.waiting.get(position);
  const outcome = childOutcome(state, position, childRunId, message.outcome);
  if (waiting?.is === 'child' && waiting.childRunId === childRunId)
    return settle(state, waiting, outcome);
  if (!state.childOutcomes.has(childRunId)) recordChildOutcome(state, message, outcome);
  return null;
}

function recordChildOutcome(
  state: RunState,
  { position, childRunId }: { readonly position: number; readonly childRunId: string },
  { ok, payload }: ChildOutcome,
): void {
  state.childOutcomes.set(childRunId, { ok, payload });
  const seq = state.nextSeq;
  state.nextSeq += 1;
  state.draft.append(
    seq,
    state.worker,
    { type: 'recorded', at: state.at(), payload, detail: { childRunId, childFailed: !ok } },
    {
      kind: 'child',
      position,
      name: childRunId,
      digest: null,
      cause: state.windowSeq,
      site: null,
      group: null,
    },
  );
}

/** Delivers the kept end of a child to code that has asked for it since. */
export function nextChildResult(state: RunState): Delivery | null {
  if (state.childOutcomes.size === 0) return null;
  for (const waiting of state.waiting.values()) {
    if (waiting.is !== 'child') continue;
    const outcome = state.childOutcomes.get(waiting.childRunId);
    if (outcome !== undefined) return settle(state, waiting, outcome);
  }
  return null;
}

function childOutcome(
  state: RunState,
  position: number,
  childRunId: string,
  outcome: RunOutcome,
): ChildOutcome {
  if (outcome.status === 'cancelled' && isCancelled(state, position)) {
    return { ok: false, payload: cancelledPayload(state) };
  }
  const workflow = state.childWorkflows.get(childRunId) ?? '';
  return toChildOutcome({ childRunId, workflow, outcome }, state.env.codec);
}

/** The result of a remote attempt after its output was parsed by the contract. */
export interface CheckedResult {
  readonly ok: boolean;
  readonly payload: string;
  /** The error itself where `ok` is false. */
  readonly error: unknown;
}

/**
 * Takes the result of a remote attempt; one of an earlier attempt is consumed and forgotten.
 *
 * @param taskId set when it has come here without the inbox: the turn ends the task, and whoever brought it waits for that
 */
export function takeRemote(
  state: RunState,
  { messageId, taskId }: { readonly messageId: string; readonly taskId?: string },
  { position, result }: { readonly position: number; readonly result: RemoteResult },
  checked: CheckedResult,
): Delivery | null {
  if (taskId === undefined) state.draft.consumedInbox.push(messageId);
  const waiting = state.waiting.get(position);
  if (waiting?.is !== 'remote' || waiting.attempt !== result.attempt || waiting.taskId === null)
    return null;
  if (taskId !== undefined) state.draft.endedTasks.push(taskId);
  return endAttempt(state, waiting, {
    ...checked,
    startedAt: result.startedAt,
    progress: result.progress ?? null,
    // None for an attempt that was never sent.
    ...(result.worker === '' ? {} : { ranBy: result.worker }),
  });
}

/**
 * Takes the checkpoint of a transaction that has committed: its body never runs again. One that nothing waits for any
 * more (its operation was given up while it committed) is consumed and forgotten.
 *
 * An attempt starts when its cause is durable, so code that has been replayed has asked for it. If it has not, the code
 * is not the one that ran the transaction, and its result is given to nobody (T8).
 *
 * @param asked name of the transaction that the code has asked for at this position
 */
export function takeCheckpoint(
  state: RunState,
  messageId: string,
  { position, name, attempt, payload, startedAt }: Checkpoint,
  asked: string | undefined,
): Delivery | null {
  const waiting = state.waiting.get(position);
  if (asked !== name) throw checkpointMismatch(state, { position, name }, waiting?.operation);
  state.draft.consumedInbox.push(messageId);
  if (waiting?.is !== 'step') return null;
  return settle(state, waiting, { ok: true, payload, attempt, startedAt });
}

function checkpointMismatch(
  { run }: RunState,
  { position, name }: Pick<Checkpoint, 'position' | 'name'>,
  asked: Operation | undefined,
): DeterminismError {
  return new DeterminismError({
    runId: run.id,
    workflow: run.workflow,
    position,
    recorded: { kind: 'transaction', name, digest: null },
    asked:
      asked === undefined
        ? null
        : { kind: recordedKind(asked.request), name: asked.name, digest: asked.digest },
  });
}
