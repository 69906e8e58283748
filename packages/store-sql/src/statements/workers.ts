/** Statements on `durable_workers` and `durable_workflows`. */
import { insert, query, remove, update } from '../sql/statement.js';

export interface WorkerRow {
  readonly serves: string;
  readonly dead_at: number | null;
}

/** `[id]` */
export const GET_WORKER = query<WorkerRow>(
  'getWorker',
  (d) => `select w.serves, w.dead_at from durable_workers w where w.id = ?${d.forUpdate('w')}`,
);

/** `[id, namespace, serves, lease until, registered at]` */
export const BEAT_WORKER = insert('beatWorker', {
  table: 'durable_workers',
  columns: ['id', 'namespace', 'serves', 'lease_until', 'registered_at'],
  onConflict: { key: ['id'], replace: ['namespace', 'serves', 'lease_until'] },
});

/** `[namespace, workflow]` */
export const ANNOUNCE_WORKFLOW = insert('announceWorkflow', {
  table: 'durable_workflows',
  columns: ['namespace', 'workflow'],
  onConflict: 'ignore',
});

/** `[namespace, workflow]` */
export const GET_WORKFLOW = query<{ readonly workflow: string }>(
  'getWorkflow',
  'select workflow from durable_workflows where namespace = ? and workflow = ?',
);

/** `[now]`. Workers whose runs may be taken, the dead included: one may have claimed again since. */
export const EXPIRED_WORKERS = query<{ readonly id: string }>(
  'expiredWorkers',
  (d) =>
    'select w.id from durable_workers w where w.dead_at is not null or w.lease_until < ? ' +
    `order by w.registered_at, w.id${d.forUpdateSkipLocked('w')}`,
);

/** `[now]`. Always one row. */
export const NEXT_EXPIRY = query<{ readonly lease_until: number | null }>(
  'nextExpiry',
  'select min(lease_until) as lease_until from durable_workers where dead_at is null and lease_until >= ?',
);

/** `[now, id]`. Only where the worker owns nothing any more. */
export const BURY_WORKER = update('buryWorker', {
  table: 'durable_workers',
  set: 'dead_at = ?',
  where:
    'id = ? and dead_at is null and not exists (select 1 from durable_runs r where r.worker = durable_workers.id)',
});

/** `[namespace, now]` */
export const SERVED_BY_LIVE = query<{ readonly serves: string }>(
  'servedByLive',
  'select serves from durable_workers where namespace = ? and dead_at is null and lease_until >= ?',
);

/** `[namespace]`. What is on record of all workers, the dead included. */
export const SERVED_BY_ANY = query<{
  readonly serves: string;
  readonly lease_until: number;
  readonly dead_at: number | null;
}>('servedByAny', 'select serves, lease_until, dead_at from durable_workers where namespace = ?');

/** `[dead before, limit]`. Workers that have been dead for long and own nothing. */
export const FORGOTTEN_WORKERS = query<{ readonly id: string }>(
  'forgottenWorkers',
  'select w.id from durable_workers w where w.dead_at <= ? ' +
    'and not exists (select 1 from durable_runs r where r.worker = w.id) limit ?',
);

/** `[id]` */
export const DELETE_WORKER = remove('deleteWorker', { table: 'durable_workers', where: 'id = ?' });
