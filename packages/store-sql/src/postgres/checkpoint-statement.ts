/**
 * The checkpoint of a transaction as one statement, the last before its COMMIT: one round trip with the run locked.
 */
import type { Call, CheckpointRequest } from '../dialect/dialect.js';
import { query } from '../sql/statement.js';
import { LOCK_OWNER } from '../statements/runs.js';

interface CheckpointRow {
  /** Null: there was one before. */
  readonly message: number | null;
}

/** `[run id, worker, epoch, branch, run id, branch, key, body, now]`. No row: the run has another owner. */
const WRITE_CHECKPOINT = query<CheckpointRow>(
  'writeCheckpoint',
  (d) =>
    `with own as materialized (${LOCK_OWNER.text(d)}), ` +
    'm as (insert into durable_inbox (run_id, branch, message_key, body, accepted_at) ' +
    'select ?::text, ?::bigint, ?::text, ?::text, ?::bigint from own on conflict do nothing returning id) ' +
    'select m.id as message from own left join m on true',
);

/** The statement, and its parameters. */
export function checkpointStatement({
  owner,
  key,
  body,
  now,
}: CheckpointRequest): Call<CheckpointRow> {
  const { runId, branch, worker, epoch } = owner;
  const params = [runId, worker, epoch, branch, runId, branch, key, body, now];
  return { statement: WRITE_CHECKPOINT, params };
}
