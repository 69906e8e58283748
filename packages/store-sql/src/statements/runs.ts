/** Statements on `durable_runs`, and what its rows look like. */
import type { ClosePolicy, RunStatus } from '@dudousxd/nestjs-durable-core';
import { insert, lookup, query, remove, update } from '../sql/statement.js';

/** What a wake-up, a delivery or the end of a run has to know of it. */
export interface RunHead {
  readonly id: string;
  readonly status: RunStatus;
  readonly branch: number;
  readonly epoch: number;
  readonly worker: string | null;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly priority: number;
  readonly parent_run_id: string | null;
  readonly parent_branch: number | null;
  readonly parent_position: number | null;
  readonly close_policy: ClosePolicy | null;
}

/** A whole row. */
export interface RunRow extends RunHead {
  readonly crashes: number;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly deadline_at: number | null;
  readonly seed: string;
  readonly input_digest: string;
  readonly tags: string;
  readonly waiting_for: string | null;
  readonly reason: string | null;
  readonly input: string;
  readonly output: string | null;
  readonly error: string | null;
}

/** What every turn is checked against. */
export interface TurnState {
  readonly worker: string | null;
  readonly epoch: number;
  readonly branch: number;
  /** Of the branch's history; null when it has none. */
  readonly last_seq: number | null;
}

const HEAD_COLUMNS = [
  'id',
  'status',
  'branch',
  'epoch',
  'worker',
  'namespace',
  'workflow',
  'version',
  'priority',
  'parent_run_id',
  'parent_branch',
  'parent_position',
  'close_policy',
];
const ROW_COLUMNS = [
  ...HEAD_COLUMNS,
  'crashes',
  'created_at',
  'started_at',
  'finished_at',
  'deadline_at',
  'seed',
  'input_digest',
  'tags',
  'waiting_for',
  'reason',
  'input',
  'output',
  'error',
];

const columnsOf = (alias: string, columns: readonly string[]): string =>
  columns.map((column) => `${alias}.${column}`).join(', ');
const LAST_SEQ =
  '(select max(h.seq) from durable_history h where h.run_id = r.id and h.branch = r.branch)';

/** Columns of a whole row under the alias `r`. */
export const RUN_COLUMNS = columnsOf('r', ROW_COLUMNS);

/** `[id]` */
export const GET_RUN = lookup<RunRow>(
  'getRun',
  `select ${RUN_COLUMNS} from durable_runs r where r.id = ?`,
);

/** `[id]` */
export const GET_HEAD = lookup<RunHead>(
  'getRunHead',
  `select ${columnsOf('r', HEAD_COLUMNS)} from durable_runs r where r.id = ?`,
);

/** `[id]`. As `GET_HEAD`, for a change of the row. */
export const LOCK_HEAD = lookup<RunHead>(
  'lockRunHead',
  (d) =>
    `select ${columnsOf('r', HEAD_COLUMNS)} from durable_runs r where r.id = ?${d.forUpdate('r')}`,
);

/** `[id]` */
export const LOCK_RUN = lookup<unknown>(
  'lockRun',
  (d) => `select r.id from durable_runs r where r.id = ?${d.forUpdate('r')}`,
);

/** `[id]`. As `LOCK_RUN`, unless somebody else has it locked. */
export const TRY_LOCK_RUN = lookup<unknown>(
  'tryLockRun',
  (d) => `select r.id from durable_runs r where r.id = ?${d.forUpdateSkipLocked('r')}`,
);

/** `[id, worker, epoch, branch]`. Locks the run if that is its owner: what is locked is the latest row (T2). */
export const LOCK_OWNER = query<{ readonly id: string }>(
  'lockOwner',
  (d) =>
    `select r.id${d.limitIdle ?? ''} from durable_runs r ` +
    `where r.id = ? and r.worker = ? and r.epoch = ? and r.branch = ?${d.forUpdate('r')}`,
);

/** `[id]`. The epoch check (T2) and the end of the history, in one look at a locked run. */
export const TURN_STATE = lookup<TurnState>(
  'turnState',
  `select r.worker, r.epoch, r.branch, ${LAST_SEQ} as last_seq from durable_runs r where r.id = ?`,
);

/** `[id]`. The whole row of a run that may be claimed, unless somebody has it locked. */
export const LOCK_UNOWNED = lookup<RunRow>(
  'lockUnowned',
  (d) =>
    `select ${RUN_COLUMNS} from durable_runs r where r.id = ? and r.worker is null${d.forUpdateSkipLocked('r')}`,
);

/** `[id, worker]`. A run of the worker, unless somebody has it locked. */
export const LOCK_OWN = lookup<{ readonly id: string }>(
  'lockOwn',
  (d) =>
    `select r.id from durable_runs r where r.id = ? and r.worker = ?${d.forUpdateSkipLocked('r')}`,
);

/** `[worker]` */
export const OWNED_RUNS = query<RunRow>(
  'ownedRuns',
  `select ${RUN_COLUMNS} from durable_runs r where r.worker = ? order by r.id`,
);

/** A run that is to be taken from its worker. */
export interface LostRun extends RunHead {
  readonly crashes: number;
  readonly crash_seq: number | null;
  readonly last_seq: number | null;
}

/** `[worker, limit]`. Without those that somebody else has locked: one of them must not hold up the others. */
export const LOCK_OWNED_IDS = query<unknown>(
  'lockOwnedIds',
  (d) =>
    `select r.id from durable_runs r where r.worker = ? order by r.id limit ?${d.forUpdateSkipLocked('r')}`,
);

/** `[worker, limit]` */
export const LOCK_OWNED = query<LostRun>(
  'lockOwnedRuns',
  (d) =>
    `select ${columnsOf('r', [...HEAD_COLUMNS, 'crashes', 'crash_seq'])}, ${LAST_SEQ} as last_seq ` +
    `from durable_runs r where r.worker = ? order by r.id limit ?${d.forUpdateSkipLocked('r')}`,
);

const LIVING =
  'where r.parent_run_id = ? and r.parent_branch = ? ' +
  "and r.status in ('pending', 'running', 'suspended', 'blocked')";

/** `[parent id, parent branch]`. Children that have not ended. */
export const LIVING_CHILDREN = lookup<RunHead>(
  'livingChildren',
  `select ${columnsOf('r', HEAD_COLUMNS)} from durable_runs r ${LIVING} order by r.id`,
);

/** `[parent id, parent branch]`. Those of them that end with their parent. */
export const LOCK_TERMINABLE = query<unknown>(
  'lockTerminable',
  (d) =>
    `select r.id from durable_runs r ${LIVING} and r.close_policy = 'terminate' order by r.id${d.forUpdate('r')}`,
);

/** The columns of a new run, in the order of `newRunParams`. */
export const INSERT_RUN = insert('insertRun', {
  table: 'durable_runs',
  columns: [
    'id',
    'worker',
    'epoch',
    'branch',
    'status',
    'namespace',
    'workflow',
    'version',
    'priority',
    'crashes',
    'parent_run_id',
    'parent_branch',
    'parent_position',
    'close_policy',
    'created_at',
    'started_at',
    'deadline_at',
    'seed',
    'input_digest',
    'tags',
    'input',
  ],
  onConflict: 'ignore',
});

/** `[worker, now, id]` */
export const CLAIM_RUN = update('claimRun', {
  table: 'durable_runs',
  set: "worker = ?, epoch = epoch + 1, status = 'running', started_at = coalesce(started_at, ?), waiting_for = null",
  where: 'id = ?',
});

/** `[waiting for, id]` */
export const SUSPEND_RUN = update('suspendRun', {
  table: 'durable_runs',
  set: "worker = null, status = 'suspended', crashes = 0, waiting_for = ?",
  where: 'id = ?',
});

/** `[status, output, error, reason, now, epochs to add, id]` */
export const END_RUN = update('endRun', {
  table: 'durable_runs',
  set: 'worker = null, status = ?, output = ?, error = ?, reason = ?, finished_at = ?, epoch = epoch + ?, waiting_for = null',
  where: 'id = ?',
});

/** `[reason, error, id]` */
export const BLOCK_RUN = update('blockRun', {
  table: 'durable_runs',
  set: "worker = null, status = 'blocked', reason = ?, error = ?",
  where: 'id = ?',
});

/** `[id]` */
export const RELEASE_RUN = update('releaseRun', {
  table: 'durable_runs',
  set: 'worker = null, epoch = epoch + 1',
  where: 'id = ?',
});

/** `[crashes, last seq, id]` */
export const TAKE_RUN = update('takeRun', {
  table: 'durable_runs',
  set: 'worker = null, epoch = epoch + 1, crashes = ?, crash_seq = ?',
  where: 'id = ?',
});

/** `[crashes, id, worker, epoch]` */
export const BEGIN_PROBATION = update('beginProbation', {
  table: 'durable_runs',
  set: 'crashes = ?',
  where: 'id = ? and worker = ? and epoch = ?',
});

/** `[crashes, last seq, reason, id]` */
export const TAKE_AND_BLOCK_RUN = update('takeAndBlockRun', {
  table: 'durable_runs',
  set: "worker = null, epoch = epoch + 1, crashes = ?, crash_seq = ?, status = 'blocked', reason = ?",
  where: 'id = ?',
});

/** `[branch, id]` */
export const REVIVE_RUN = update('reviveRun', {
  table: 'durable_runs',
  set: "status = 'suspended', branch = ?, epoch = epoch + 1, crashes = 0, output = null, error = null, reason = null, finished_at = null",
  where: 'id = ?',
});

/** `[id]` */
export const DELETE_RUN = remove('deleteRun', { table: 'durable_runs', where: 'id = ?' });
