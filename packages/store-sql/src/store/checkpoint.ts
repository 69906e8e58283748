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
import type { CheckpointRequest, Dialect } from '../dialect/dialect.js';
import { first, insertNew, lockRows, type Script } from '../sql/script.js';
import { checkpointKey, INSERT_MESSAGE, LOCK_MESSAGE } from '../statements/inbox.js';
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
export function* writeCheckpoint(
  dialect: Dialect,
  owner: TransactionRequest,
  { payload, startedAt, now }: Outcome,
): Script<Written> {
  const { runId, branch, position, name, cause, attempt } = owner;
  const checkpoint: Checkpoint = { position, name, cause, attempt, payload, startedAt };
  const body: InboxBody = { kind: 'transaction', ...checkpoint };
  const key = checkpointKey(position);
  const request = { owner, key, body: JSON.stringify(body), now };
  const answer = yield* putDown(dialect, request);
  if (answer === undefined) return { is: 'fenced' };
  if (answer.message !== null) return { is: 'written', arrival: toArrival(answer.message, body) };
  const row = yield* first(LOCK_MESSAGE, [runId, branch, key]);
  if (!row) throw new Error(`the checkpoint of "${name}" is neither new nor there before`);
  return { is: 'recorded', arrival: toArrival(row.id, JSON.parse(row.body) as InboxBody) };
}

/** Answers with the number of the message, null if there was one before; undefined = the run has another owner. */
function* putDown(
  dialect: Dialect,
  request: CheckpointRequest,
): Script<{ readonly message: number | null } | undefined> {
  if (dialect.hotPath !== null) {
    const { statement, params } = dialect.hotPath.checkpoint(request);
    return yield* first(statement, params);
  }
  const { owner, key, body, now } = request;
  const { runId, branch, worker, epoch } = owner;
  const owned = yield* first(LOCK_OWNER, [runId, worker, epoch, branch]);
  if (!owned) return undefined;
  const [isNew] = yield* insertNew(INSERT_MESSAGE, [[runId, branch, key, body, now]]);
  if (!isNew) return { message: null };
  const row = yield* first(LOCK_MESSAGE, [runId, branch, key]);
  if (!row) throw new Error(`the message ${key} is not there after it was written`);
  return { message: row.id };
}

/**
 * What has become of a checkpoint whose COMMIT had no answer; null = it was rolled back. Waits for the transaction that
 * wrote it: that holds the run's row until it has ended.
 *
 * History need not be asked. While the owner is the same, only a turn of that owner consumes the checkpoint, and that turn
 * records the outcome (T1): the execution that made it has got the outcome by another way, waits for this attempt no more,
 * and takes no notice of its end. Nor does a null then run the body again: that needs an error by which the database says
 * that it has rolled back, and after such an answer to COMMIT there never was a checkpoint.
 */
export function* findCheckpoint(request: TransactionRequest): Script<Written | null> {
  const { runId, branch, worker, epoch, position } = request;
  yield* lockRows(LOCK_RUN, [[runId]]);
  const state = yield* first(TURN_STATE, [runId]);
  const isOwner = state?.worker === worker && state.epoch === epoch && state.branch === branch;
  if (!isOwner) return { is: 'fenced' };
  const row = yield* first(LOCK_MESSAGE, [runId, branch, checkpointKey(position)]);
  return row
    ? { is: 'written', arrival: toArrival(row.id, JSON.parse(row.body) as InboxBody) }
    : null;
}

function toArrival(id: number, body: InboxBody): Arrival {
  return { type: 'inbox', messageId: String(id), body };
}
