/** Statements on `durable_tasks`, the outbox of remote attempts. */
import { insert, lookup, query, remove, update } from '../sql/statement.js';

export interface TaskRow {
  readonly id: string;
  readonly namespace: string;
  readonly run_id: string;
  readonly branch: number;
  readonly position: number;
  readonly attempt: number;
  readonly step: string;
  readonly token: string;
  readonly idempotency_key: string;
  readonly timeout_ms: number | null;
  readonly heartbeat_timeout_ms: number | null;
  readonly priority: number;
  readonly takes: number;
  readonly unserved_since: number | null;
  readonly progress: string | null;
  readonly input: string;
}

const COLUMNS = [
  'id',
  'namespace',
  'run_id',
  'branch',
  'position',
  'attempt',
  'step',
  'token',
  'idempotency_key',
  'timeout_ms',
  'heartbeat_timeout_ms',
  'priority',
  'takes',
  'unserved_since',
  'progress',
  'input',
];

/** The parameters are made by `taskParams`. */
export const INSERT_TASK = insert('insertTask', {
  table: 'durable_tasks',
  columns: [...COLUMNS.filter((column) => column !== 'unserved_since'), 'visible_at'],
  onConflict: 'ignore',
});

/** `[id]` */
export const GET_TASK = lookup<TaskRow>(
  'getTask',
  `select ${COLUMNS.join(', ')} from durable_tasks t where t.id = ?`,
);

/** `[id]` */
export const LOCK_TASK = lookup<unknown>(
  'lockTask',
  (d) => `select t.id from durable_tasks t where t.id = ?${d.forUpdate('t')}`,
);

const stepFilter = (steps: number): string =>
  steps === 0 ? '' : ` and t.step in (${Array.from({ length: steps }, () => '?').join(', ')})`;

/** `[namespace, now, ...steps, limit]`; `steps` = how many names there are, 0 for all tasks. */
export const visibleTasks = (steps: number): ReturnType<typeof query<TaskRow>> =>
  query('visibleTasks', (d) => {
    const columns = COLUMNS.map((column) => `t.${column}`).join(', ');
    const order = 'order by t.priority desc, t.visible_at, t.id';
    const due = `from durable_tasks t where t.namespace = ? and t.visible_at <= ?${stepFilter(steps)} ${order} limit ?`;
    const lock = d.forUpdateSkipLocked('t');
    if (!d.locksBeforeLimit) return `select ${columns} ${due}${lock}`;
    // What has been taken since the look has another time.
    return (
      `select ${columns} from (select t.id, t.visible_at ${due}) due straight_join durable_tasks t ` +
      `on t.id = due.id and t.visible_at = due.visible_at ${order}${lock}`
    );
  });

/** `[namespace, ...steps]` */
export const nextVisible = (
  steps: number,
): ReturnType<typeof query<{ readonly at: number | null }>> =>
  query(
    'nextVisible',
    `select min(t.visible_at) as at from durable_tasks t where t.namespace = ?${stepFilter(steps)}`,
  );

/** `[visible at, id]` */
export const TAKE_TASK = update('takeTask', {
  table: 'durable_tasks',
  set: 'visible_at = ?, takes = takes + 1',
  where: 'id = ?',
});

/** `[visible at, id]` */
export const EXTEND_TASK = update('extendTask', {
  table: 'durable_tasks',
  set: 'visible_at = ?, unserved_since = null',
  where: 'id = ?',
});

/** `[visible at, id]` */
export const RETURN_TASK = update('returnTask', {
  table: 'durable_tasks',
  set: 'visible_at = ?, takes = case when takes > 0 then takes - 1 else 0 end',
  where: 'id = ?',
});

/** `[now, id]` */
export const MARK_UNSERVED = update('markUnserved', {
  table: 'durable_tasks',
  set: 'unserved_since = coalesce(unserved_since, ?)',
  where: 'id = ?',
});

/** `[run id, untaken since]`. What nobody serves, of the tasks of a run. */
export const UNSERVED_TASKS = lookup<{ readonly position: number; readonly since: number }>(
  'unservedTasks',
  'select t.position, coalesce(t.unserved_since, t.visible_at) as since from durable_tasks t ' +
    'where t.run_id = ? and (t.unserved_since is not null or t.visible_at <= ?)',
);

/** `[id]` */
export const DELETE_TASK = remove('deleteTask', { table: 'durable_tasks', where: 'id = ?' });

/** `[id, run id]` */
export const END_TASK = remove('endTask', {
  table: 'durable_tasks',
  where: 'id = ? and run_id = ?',
});

/** `[run id]` */
export const DELETE_TASKS = remove('deleteTasks', { table: 'durable_tasks', where: 'run_id = ?' });
