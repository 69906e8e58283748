/**
 * New runs as one statement, which is a transaction of its own. An id that another transaction is about to take is
 * waited for, but not for long: whatever else is in the batch must not wait for what a user's transaction does.
 */
import type { Call, CreateRequest } from '../dialect/dialect.js';
import { query } from '../sql/statement.js';
import { INSERT_RUN } from '../statements/runs.js';
import { newRunParams, queueOf, recordOfNew } from '../store/rows.js';
import { JsonRows } from './json-rows.js';

interface NewRow {
  readonly id: string;
  readonly created_at: number;
}

/** Milliseconds. Beyond them the statement fails, and each run is tried by itself. */
export const MAX_WAIT_MS = 250;

const INTEGER_COLUMNS = new Set([
  'epoch',
  'branch',
  'priority',
  'crashes',
  'parent_branch',
  'parent_position',
  'created_at',
  'started_at',
  'deadline_at',
]);
/** Times that the statement adds to the present: parameters hold them as if it were 0. */
const RELATIVE_COLUMNS = new Set(['created_at', 'started_at', 'deadline_at']);

const newRows = new JsonRows(INSERT_RUN.columns, INTEGER_COLUMNS);
const values = newRows
  .under('t')
  .map((value, n) =>
    RELATIVE_COLUMNS.has(INSERT_RUN.columns[n] ?? '') ? `${value} + c.now` : value,
  );
const [ID] = newRows.under('t');

const CLOCK =
  'c as materialized (select coalesce(?::bigint, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) ' +
  `as now, set_config('lock_timeout', '${MAX_WAIT_MS}', true))`;
const RUNS =
  `t as (select * from json_to_recordset(?::json) as t(i integer, queue text, ${newRows.definition})), ` +
  `r as (insert into durable_runs (${INSERT_RUN.columns.join(', ')}) select ${values.join(', ')} from c cross join t ` +
  'order by t.i on conflict do nothing returning id, namespace, priority, worker, created_at)';

/** `[now or null, runs]` */
const CREATE_OWNED_RUNS = query<NewRow>(
  'createOwnedRuns',
  `with ${CLOCK}, ${RUNS} select id, created_at from r`,
);

/** `[now or null, runs]`. As `CREATE_OWNED_RUNS`, for whoever claims them first. */
const CREATE_PENDING_RUNS = query<NewRow>(
  'createPendingRuns',
  `with ${CLOCK}, ${RUNS}, q as (insert into durable_ready (run_id, namespace, queue, priority, wake_at) ` +
    `select r.id, r.namespace, t.queue, r.priority, r.created_at from r join t on ${ID} = r.id ` +
    'on conflict (run_id) do update set wake_at = excluded.wake_at) select id, created_at from r',
);

/** The statement for runs that are due at once, and its parameters. */
export function createStatement({ runs, claim, now }: CreateRequest): Call<NewRow> {
  const rows = runs.map((run, i) =>
    newRows.row(newRunParams(recordOfNew(run, 0, claim)), {
      i,
      queue: claim === null ? queueOf(run) : null,
    }),
  );
  const statement = claim === null ? CREATE_PENDING_RUNS : CREATE_OWNED_RUNS;
  return { statement, params: [now, JSON.stringify(rows)] };
}
