/**
 * The checkpoint of a `ctx.transaction`: a message in its run's inbox that is written in the transaction itself. There is
 * one for each operation of a branch, by the inbox's key.
 */
import type {
  Arrival,
  Checkpoint,
  InboxBody,
  TransactionRequest,
} from '@dudousxd/nestjs-durable-core';
import { first, insertNew, lockRows, type Script } from '../sql/script.js';
import { checkpointKey, INSERT_MESSAGE, type InboxRow, LOCK_MESSAGE } from '../statements/inbox.js';
import { LOCK_OWNER, LOCK_RUN, TURN_STATE } from '../statements/runs.js';

/** What the owner of the run writes when the body is done. */
export interface Outcome extends Pick<Checkpoint, 'payload' | 'startedAt'> {
  /** Database time. */
  readonly now: number;
}

/**
 * - `written`: it is there when the transaction commits.
 * - `recorded`: another transaction had committed it before.
 * - `fenced`: the run has another owner.
 */
export type Written =
  | { readonly is: 'written' | 'recorded'; readonly arrival: Arrival }
  | { readonly is: 'fenced' };

/**
 * Writes the checkpoint under the lock of its run, which is held from here to COMMIT (T2). Only a run that the request's
 * worker owns gets one.
 */
export function* writeCheckpoint(request: TransactionRequest, outcome: Outcome): Script<Written> {
  const { runId, branch, worker, epoch, position, name, cause, attempt } = request;
  const owned = yield* first(LOCK_OWNER, [runId, worker, epoch, branch]);
  if (!owned) return { is: 'fenced' };
  const { payload, startedAt, now } = outcome;
  const checkpoint: Checkpoint = { position, name, cause, attempt, payload, startedAt };
  const body: InboxBody = { kind: 'transaction', ...checkpoint };
  const key = checkpointKey(position);
  const [isNew] = yield* insertNew(INSERT_MESSAGE, [
    [runId, branch, key, JSON.stringify(body), now],
  ]);
  const row = yield* first(LOCK_MESSAGE, [runId, branch, key]);
  if (!row) throw new Error(`the checkpoint of "${name}" is not there after it was written`);
  return { is: isNew ? 'written' : 'recorded', arrival: toArrival(row) };
}

/**
 * What has become of a checkpoint whose COMMIT had no answer; null = it was rolled back. Waits for the transaction that
 * wrote it: that holds the run's row until it has ended.
 */
export function* findCheckpoint(request: TransactionRequest): Script<Written | null> {
  const { runId, branch, worker, epoch, position } = request;
  yield* lockRows(LOCK_RUN, [[runId]]);
  const state = yield* first(TURN_STATE, [runId]);
  const isOwner = state?.worker === worker && state.epoch === epoch && state.branch === branch;
  if (!isOwner) return { is: 'fenced' };
  const row = yield* first(LOCK_MESSAGE, [runId, branch, checkpointKey(position)]);
  return row ? { is: 'written', arrival: toArrival(row) } : null;
}

function toArrival({ id, body }: InboxRow): Arrival {
  return { type: 'inbox', messageId: String(id), body: JSON.parse(body) as InboxBody };
}
