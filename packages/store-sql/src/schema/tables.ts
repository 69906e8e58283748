/**
 * The tables. Times are epoch milliseconds of the database's clock; booleans are 0 and 1; lists and records are JSON
 * text. Payloads are text that nothing here reads.
 */
import type { Dialect } from '../dialect/dialect.js';
import type { Table } from './definition.js';

/**
 * One row per run: wide, and written only when a run is made, changes hands, suspends or ends. The columns that every
 * turn checks come first, and payloads last, so that a check reads no overflow page.
 */
const runs: Table = {
  name: 'durable_runs',
  columns: {
    id: 'id',
    worker: 'id?',
    epoch: 'integer',
    branch: 'integer',
    status: 'short',
    namespace: 'id',
    workflow: 'id',
    version: 'id',
    priority: 'integer',
    crashes: 'integer',
    // Last history seq when the run was last taken from a dead worker.
    crash_seq: 'integer?',
    parent_run_id: 'id?',
    parent_branch: 'integer?',
    parent_position: 'integer?',
    close_policy: 'short?',
    created_at: 'integer',
    started_at: 'integer?',
    finished_at: 'integer?',
    deadline_at: 'integer?',
    seed: 'text',
    input_digest: 'text',
    tags: 'text',
    waiting_for: 'text?',
    reason: 'text?',
    input: 'text',
    output: 'text?',
    error: 'text?',
  },
  primaryKey: ['id'],
  indexes: [
    { name: 'durable_runs_list', columns: ['namespace', 'created_at', 'id'] },
    { name: 'durable_runs_worker', columns: ['worker', 'id'], whereNotNull: 'worker' },
    {
      name: 'durable_runs_parent',
      columns: ['parent_run_id', 'parent_branch', 'id'],
      whereNotNull: 'parent_run_id',
    },
  ],
};

/**
 * Insert-only. Not clustered by its key: rows come from many runs at once and hold payloads, and appending them in the
 * order of arrival writes fewer pages than putting each beside its run's last one.
 */
const history: Table = {
  name: 'durable_history',
  columns: {
    run_id: 'id',
    branch: 'integer',
    seq: 'integer',
    type: 'short',
    kind: 'short',
    position: 'integer?',
    name: 'text',
    digest: 'text?',
    cause: 'integer',
    attempt: 'integer',
    recorded_at: 'integer',
    started_at: 'integer?',
    worker: 'id',
    site: 'text?',
    op_group: 'text?',
    detail: 'text?',
    payload: 'text?',
  },
  primaryKey: ['run_id', 'branch', 'seq'],
};

/** At most one row per run: the earliest time at which somebody has to look at it. All that a claim scans. */
const ready: Table = {
  name: 'durable_ready',
  columns: {
    run_id: 'id',
    namespace: 'id',
    // `queueOf` of the run.
    queue: 'short',
    priority: 'integer',
    wake_at: 'integer',
  },
  primaryKey: ['run_id'],
  clustered: true,
  indexes: [
    {
      name: 'durable_ready_due',
      columns: ['namespace', 'queue', 'priority', 'wake_at', 'run_id'],
    },
  ],
};

/** What has arrived for runs, until a turn consumes it. */
const inbox: Table = {
  name: 'durable_inbox',
  columns: {
    id: 'serial',
    run_id: 'id',
    // -1: for whichever is current.
    branch: 'integer',
    message_key: 'key',
    body: 'text',
    accepted_at: 'integer',
  },
  indexes: [
    {
      name: 'durable_inbox_key',
      columns: ['run_id', 'branch', 'message_key'],
      unique: true,
    },
  ],
};

/** Payloads of tokens in order of acceptance. A consumed row keeps its id, without the payload, until it expires. */
const signals: Table = {
  name: 'durable_signals',
  columns: {
    seq: 'serial',
    namespace: 'id',
    token: 'id',
    id: 'id',
    consumed: 'integer',
    accepted_at: 'integer',
    expires_at: 'integer',
    payload: 'text',
  },
  indexes: [
    { name: 'durable_signals_id', columns: ['namespace', 'token', 'id'], unique: true },
    { name: 'durable_signals_line', columns: ['namespace', 'token', 'consumed', 'seq'] },
    { name: 'durable_signals_expiry', columns: ['expires_at'] },
  ],
};

/**
 * Signals of transactions of the application. They are appended without any lock, and brought into their mailboxes when
 * they are committed.
 */
const outbox: Table = {
  name: 'durable_outbox',
  columns: {
    id: 'serial',
    namespace: 'id',
    token: 'id',
    signal_id: 'id',
    ttl_ms: 'integer',
    payload: 'text',
  },
  indexes: [{ name: 'durable_outbox_token', columns: ['namespace', 'token', 'id'] }],
};

/** Open waits; a run has one per token. `line_no` is the place in the token's line. */
const waits: Table = {
  name: 'durable_waits',
  columns: {
    run_id: 'id',
    token: 'id',
    namespace: 'id',
    position: 'integer',
    deadline: 'integer?',
    line_no: 'integer',
  },
  primaryKey: ['run_id', 'token'],
  clustered: true,
  indexes: [
    // Not unique: an upsert by the primary key must meet no other key. The token's lock keeps the places apart.
    { name: 'durable_waits_line', columns: ['namespace', 'token', 'line_no'] },
  ],
};

/** Outbox of remote attempts. */
const tasks: Table = {
  name: 'durable_tasks',
  columns: {
    id: 'id',
    namespace: 'id',
    run_id: 'id',
    branch: 'integer',
    position: 'integer',
    attempt: 'integer',
    step: 'text',
    token: 'text',
    idempotency_key: 'text',
    timeout_ms: 'integer?',
    heartbeat_timeout_ms: 'integer?',
    priority: 'integer',
    visible_at: 'integer',
    // How often it was taken and not given back.
    takes: 'integer',
    // When it was first found that nobody serves it.
    unserved_since: 'integer?',
    progress: 'text?',
    input: 'text',
  },
  primaryKey: ['id'],
  indexes: [
    { name: 'durable_tasks_visible', columns: ['namespace', 'visible_at'] },
    { name: 'durable_tasks_run', columns: ['run_id'] },
  ],
};

/** One row per process that executes runs. */
const workers: Table = {
  name: 'durable_workers',
  columns: {
    id: 'id',
    namespace: 'id',
    serves: 'text',
    lease_until: 'integer',
    registered_at: 'integer',
    // When its runs were taken or handed back: it never comes back under this id.
    dead_at: 'integer?',
  },
  primaryKey: ['id'],
};

/** Every workflow that any worker has ever announced: it outlives the workers. */
const workflows: Table = {
  name: 'durable_workflows',
  columns: { namespace: 'id', workflow: 'id' },
  primaryKey: ['namespace', 'workflow'],
  clustered: true,
};

/** Locks by name, where the database has none of its own that end with a transaction: a row for each of many slots. */
export const lockTable: Table = {
  name: 'durable_locks',
  columns: { slot: 'integer' },
  primaryKey: ['slot'],
  clustered: true,
};

/** One row per applied migration. */
export const schemaTable: Table = {
  name: 'durable_schema',
  columns: { version: 'integer', applied_at: 'integer' },
  primaryKey: ['version'],
};

/** The tables of schema version 1. */
export const tablesV1: readonly Table[] = [
  runs,
  history,
  ready,
  inbox,
  signals,
  outbox,
  waits,
  tasks,
  workers,
  workflows,
];

/** The tables as this release has them. */
export const durableSchema: readonly Table[] = [schemaTable, ...tablesV1];

/** The tables of a database. */
export function tablesOn({ lockRows }: Pick<Dialect, 'lockRows'>): readonly Table[] {
  return lockRows ? [...durableSchema, lockTable] : durableSchema;
}
