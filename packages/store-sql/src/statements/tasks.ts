/** Statements on `durable_tasks`, the outbox of remote attempts. */
import { insert, query, remove, update } from '../sql/statement.js';

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
  'progress',
  'input',
];

/** The parameters are made by `taskParams`. */
export const INSERT_TASK = insert('insertTask', {
  table: 'durable_tasks',
  columns: [...COLUMNS, 'visible_at'],
  onConflict: 'ignore',
});

/** `[id]` */
export const GET_TASK = query<TaskRow>(
  'getTask',
  (d) => `select ${COLUMNS.join(', ')} from durable_tasks t where t.id = ?${d.forUpdate('t')}`,
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
export const HIDE_TASK = update('hideTask', {
  table: 'durable_tasks',
  set: 'visible_at = ?',
  where: 'id = ?',
});

/** `[id]` */
export const DELETE_TASK = remove('deleteTask', { table: 'durable_tasks', where: 'id = ?' });

/** `[id, run id]` */
export const END_TASK = remove('endTask', {
  table: 'durable_tasks',
  where: 'id = ? and run_id = ?',
});

/** `[run id]` */
export const DELETE_TASKS = remove('deleteTasks', { table: 'durable_tasks', where: 'run_id = ?' });
