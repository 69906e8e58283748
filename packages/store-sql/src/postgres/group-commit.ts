/**
 * A batch of ordinary turns as one statement, which is a transaction of its own: one round trip, one lock and one row
 * per step. An ordinary turn appends to its history, may change the outbox and may settle its run, and concerns nobody else.
 *
 * T2: a run is locked where its owner is looked at, and only turns that find all as they expect are written. A run that
 * somebody else has locked is passed over (semantics.md 6); that turn is not among the answers, like every other that
 * is not written, and is for the script to judge.
 *
 * The lock and the end of the history are read in one statement, so the end can be as old as the statement's snapshot. A
 * turn that is sent again while its first try commits finds its rows there by the key of the history: the statement
 * fails, and nothing of it is written.
 */
import type { Turn } from '@dudousxd/nestjs-durable-core';
import type { Call } from '../dialect/dialect.js';
import { type Params, query } from '../sql/statement.js';
import { EVENT_COLUMNS } from '../statements/history.js';
import { ENDS_WITH_RUN } from '../statements/inbox.js';
import { INSERT_TASK } from '../statements/tasks.js';
import { historyParams, taskParams } from '../store/rows.js';
import { JsonRows } from './json-rows.js';

interface WrittenTurn {
  readonly i: number;
}

const INTEGER_COLUMNS = new Set([
  'seq',
  'position',
  'cause',
  'attempt',
  'recorded_at',
  'started_at',
]);

const eventRows = new JsonRows(EVENT_COLUMNS, INTEGER_COLUMNS);

const turnsWith = (columns: string): string =>
  't as (select * from json_to_recordset(?::json) as t(i integer, id text, worker text, epoch bigint, ' +
  `branch bigint, seq bigint, status text, output text, error text, reason text${columns}))`;
const TURNS = turnsWith('');
const ownIf = (condition: string): string =>
  'own as materialized (select t.* from t cross join lateral (' +
  'select r.worker, r.epoch, r.branch, r.parent_run_id, ' +
  '(select max(h.seq) from durable_history h where h.run_id = r.id and h.branch = r.branch) as last_seq ' +
  'from durable_runs r where r.id = t.id for no key update skip locked) r ' +
  'where r.worker = t.worker and r.epoch = t.epoch and r.branch = t.branch ' +
  'and (t.seq is null or t.seq = coalesce(r.last_seq, 0) + 1) ' +
  'and (t.status is null or (r.parent_run_id is null and not exists (' +
  `select 1 from durable_waits w where w.run_id = t.id)))${condition})`;
const OWN = ownIf('');
/** All that the turn consumes is there, and is a checkpoint: nothing else comes without a ready row. */
const OWN_CHECKPOINTS = ownIf(
  ' and (t.consumed is null or cardinality(t.consumed) = (select count(*) from durable_inbox c ' +
    `where c.run_id = t.id and c.branch = t.branch and c.id = any(t.consumed) and not (c.${ENDS_WITH_RUN})))`,
);
const CONSUME =
  'consumed as (delete from durable_inbox d using own where d.run_id = own.id and d.id = any(own.consumed))';
const HISTORY =
  `h as (insert into durable_history (run_id, branch, ${EVENT_COLUMNS.join(', ')}) ` +
  `select own.id, own.branch, ${eventRows.under('e').join(', ')} ` +
  `from json_to_recordset(?::json) as e(i integer, ${eventRows.definition}) ` +
  'join own on own.i = e.i)';
const SETTLE =
  'ended as (update durable_runs r set worker = null, status = own.status, output = own.output, ' +
  'error = own.error, reason = own.reason, waiting_for = null, finished_at = ' +
  'coalesce(?::bigint, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) ' +
  'from own where r.id = own.id and own.status is not null)';
const CLEAR = ['ready', 'inbox', 'tasks'].map((table) => {
  const only = table === 'inbox' ? ` and d.${ENDS_WITH_RUN}` : '';
  return `${table} as (delete from durable_${table} d using own where d.run_id = own.id and own.status is not null${only})`;
});

const TASK_COLUMNS = INSERT_TASK.columns.filter((column) => column !== 'visible_at');
const taskRows = new JsonRows(
  [...TASK_COLUMNS, 'hidden_ms'],
  new Set([
    ...['branch', 'position', 'attempt', 'timeout_ms', 'heartbeat_timeout_ms', 'priority'],
    ...['takes', 'hidden_ms'],
  ]),
);
const hiddenMs = taskRows.under('e').at(-1);
const OUTBOX = [
  `added as (insert into durable_tasks (${TASK_COLUMNS.join(', ')}, visible_at) ` +
    `select ${taskRows.under('e').slice(0, -1).join(', ')}, ` +
    `coalesce(?::bigint, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) + ${hiddenMs} ` +
    `from json_to_recordset(?::json) as e(i integer, ${taskRows.definition}) ` +
    'join own on own.i = e.i on conflict do nothing)',
  'gone as (delete from durable_tasks d using own where d.run_id = own.id and d.id = any(own.gone))',
];

/** `[turns, events]` */
const APPEND_TURNS = query<WrittenTurn>(
  'appendTurns',
  `with ${[TURNS, OWN, HISTORY].join(',\n')}\nselect i from own`,
);

/** `[turns, events, now or null]`. As `APPEND_TURNS`, where some of the turns settle their runs. */
const APPEND_AND_SETTLE_TURNS = query<WrittenTurn>(
  'appendAndSettleTurns',
  `with ${[TURNS, OWN, HISTORY, SETTLE, ...CLEAR].join(',\n')}\nselect i from own`,
);

/** `[turns, events, now or null]`. As `APPEND_AND_SETTLE_TURNS`, where some of the turns take checkpoints. */
const APPEND_AND_CONSUME_TURNS = query<WrittenTurn>(
  'appendAndConsumeTurns',
  `with ${[turnsWith(', consumed bigint[]'), OWN_CHECKPOINTS, HISTORY, CONSUME, SETTLE, ...CLEAR].join(',\n')}\n` +
    'select i from own',
);

/** `[turns, events, now or null, tasks, now or null]`. As `APPEND_AND_CONSUME_TURNS`, where some change the outbox. */
const APPEND_AND_DISPATCH_TURNS = query<WrittenTurn>(
  'appendAndDispatchTurns',
  `with ${[turnsWith(', consumed bigint[], gone text[]'), OWN_CHECKPOINTS, HISTORY, CONSUME, ...OUTBOX, SETTLE, ...CLEAR].join(',\n')}\n` +
    'select i from own',
);

/** The statement for a batch of ordinary turns of different runs, and its parameters. */
export function commitStatement(turns: readonly Turn[], now: number | null): Call<WrittenTurn> {
  const consumes = turns.some(({ consumedInbox }) => consumedInbox.length > 0);
  const settles = turns.some(({ change }) => change !== null);
  const params: Params = [
    JSON.stringify(turns.map(turnRow)),
    JSON.stringify(turns.flatMap(eventsOf)),
  ];
  if (turns.some(({ tasks, endedTasks }) => tasks.length + endedTasks.length > 0)) {
    const tasks = JSON.stringify(turns.flatMap(tasksOf));
    return { statement: APPEND_AND_DISPATCH_TURNS, params: [...params, now, tasks, now] };
  }
  if (consumes) return { statement: APPEND_AND_CONSUME_TURNS, params: [...params, now] };
  return settles
    ? { statement: APPEND_AND_SETTLE_TURNS, params: [...params, now] }
    : { statement: APPEND_TURNS, params };
}

function turnRow(turn: Turn, i: number) {
  const { runId, worker, epoch, branch, events, change, consumedInbox } = turn;
  const consumed = consumedInbox.length === 0 ? undefined : consumedInbox.map(Number);
  const gone = turn.endedTasks.length === 0 ? undefined : turn.endedTasks;
  const row = { i, id: runId, worker, epoch, branch, seq: events[0]?.seq, consumed, gone };
  if (change?.to !== 'settled') return row;
  const { status, output, error, reason } = change.outcome;
  return { ...row, status, output, error, reason };
}

function eventsOf({ runId, branch, events }: Turn, i: number): readonly object[] {
  return events.map((event) => {
    const [, , ...values] = historyParams(runId, branch, event);
    return eventRows.row(values, { i });
  });
}

function tasksOf({ tasks }: Turn, i: number): readonly object[] {
  return tasks.map((task) => {
    const values = taskParams(task, 0).slice(0, -1);
    return taskRows.row([...values, task.hiddenMs ?? 0], { i });
  });
}
