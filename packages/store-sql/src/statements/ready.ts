/** Statements on `durable_ready`, the list that claims scan. */
import type { RunStatus } from '@dudousxd/nestjs-durable-core';
import { insert, lookup, query, remove } from '../sql/statement.js';

const COLUMNS = ['run_id', 'namespace', 'queue', 'priority', 'wake_at'];

/** `[run id, namespace, queue, priority, wake at]`. An earlier wake that is there stays. */
export const BRING_READY = insert('bringReady', {
  table: 'durable_ready',
  columns: COLUMNS,
  onConflict: { key: ['run_id'], least: ['wake_at'] },
});

/** As `BRING_READY`, in place of whatever is there. */
export const SET_READY = insert('setReady', {
  table: 'durable_ready',
  columns: COLUMNS,
  onConflict: { key: ['run_id'], replace: ['wake_at'] },
});

/** `[run id]` */
export const LOCK_READY = lookup<unknown>(
  'lockReady',
  (d) => `select q.run_id from durable_ready q where q.run_id = ?${d.forUpdate('q')}`,
);

/** `[run id]` */
export const DELETE_READY = remove('deleteReady', { table: 'durable_ready', where: 'run_id = ?' });

/** `[run id]`. Only where there is no run that could use it, as of now: it may have been put back to work since. */
export const DELETE_STALE_READY = remove('deleteStaleReady', {
  table: 'durable_ready',
  where:
    'run_id = ? and not exists (select 1 from durable_runs r where r.id = durable_ready.run_id ' +
    "and r.status in ('pending', 'running', 'suspended'))",
});

/** `[namespace, queue]`. The priorities that the queue's rows have, one look into the index for each. */
export const READY_PRIORITIES = query<{ readonly priority: number }>('readyPriorities', (d) =>
  d.skipScans ? GROUPS : LEVELS,
);

const GROUPS =
  'select q.priority from durable_ready q force index (durable_ready_due) ' +
  'where q.namespace = ? and q.queue = ? group by q.namespace, q.queue, q.priority';

const LEVELS = `with recursive levels (namespace, queue, priority) as (
  select n.namespace, n.queue, (select max(q.priority) from durable_ready q where q.namespace = n.namespace and q.queue = n.queue)
  from (select ? as namespace, ? as queue) n
  union all
  select l.namespace, l.queue, (select max(q.priority) from durable_ready q where q.namespace = l.namespace and q.queue = l.queue and q.priority < l.priority)
  from levels l where l.priority is not null
)
select priority from levels where priority is not null`;

const UNOWNED = 'r.worker is null';

/** A due row, with the status of its run; null = there is no such run. */
export interface DueRow {
  readonly run_id: string;
  readonly wake_at: number;
  readonly status: RunStatus | null;
}

/** `[namespace, queue, priority, now, limit]`. Due rows that no worker owns, in the order of claims. */
export const DUE_ROWS = query<DueRow>(
  'dueRows',
  (d) =>
    `select q.run_id, q.wake_at, r.status from durable_ready q left join ${d.unlocked('durable_runs')} r on r.id = q.run_id ` +
    `where q.namespace = ? and q.queue = ? and q.priority = ? and q.wake_at <= ? and ${UNOWNED} ` +
    `order by q.wake_at, q.run_id limit ?${d.forUpdateSkipLocked('q')}`,
);

/** `[namespace, queue, priority]`. The earliest row of a run that no worker owns. */
export const NEXT_WAKE = query<{ readonly wake_at: number }>(
  'nextWake',
  'select q.wake_at from durable_ready q left join durable_runs r on r.id = q.run_id ' +
    `where q.namespace = ? and q.queue = ? and q.priority = ? and ${UNOWNED} order by q.wake_at limit 1`,
);

const ownDue = (runs: string): string =>
  `select q.run_id from ${runs} r join durable_ready q on q.run_id = r.id ` +
  'where r.worker = ? and q.wake_at <= ? and q.namespace = ? order by q.wake_at, q.run_id';

/** `[worker, now, namespace]`. Due rows of runs that the worker owns. */
export const OWN_WAKES = query<{ readonly run_id: string }>('ownWakes', ownDue('durable_runs'));

/** `[worker, now, namespace]`. As `OWN_WAKES`, to be deleted. */
export const LOCK_OWN_WAKES = query<{ readonly run_id: string }>(
  'lockOwnWakes',
  (d) => ownDue(d.unlocked('durable_runs')) + d.forUpdateSkipLocked('q'),
);
