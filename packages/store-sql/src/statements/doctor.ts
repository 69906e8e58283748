/** What the doctor reads. A page is a range of run ids; every query of it is bounded by it and goes along an index. */
import type { RunStatus } from '@dudousxd/nestjs-durable-core';
import { query } from '../sql/statement.js';

/** Inputs above this many bytes are not read. */
const MAX_INPUT_BYTES = 65_536;

/** A run, with what stands beside it. Numbers named `has_…` are 0 or 1. */
export interface PatientRow {
  readonly id: string;
  readonly status: RunStatus;
  readonly branch: number;
  readonly worker: string | null;
  readonly crashes: number;
  readonly finished_at: number | null;
  readonly has_output: number;
  readonly has_error: number;
  readonly waiting_for: string | null;
  readonly parent_run_id: string | null;
  readonly parent_position: number | null;
  readonly input_digest: string;
  /** Null where it is too long. */
  readonly input: string | null;
  readonly known_worker: string | null;
  readonly wake_at: number | null;
}

const PATIENT_COLUMNS = [
  'r.id',
  'r.status',
  'r.branch',
  'r.worker',
  'r.crashes',
  'r.finished_at',
  'case when r.output is null then 0 else 1 end as has_output',
  'case when r.error is null then 0 else 1 end as has_error',
  'r.waiting_for',
  'r.parent_run_id',
  'r.parent_position',
  'r.input_digest',
  `case when octet_length(r.input) <= ${MAX_INPUT_BYTES} then r.input end as input`,
  'w.id as known_worker',
  'q.wake_at',
];

/** `[after, limit]`. One page of runs, by id. */
export const PATIENTS = query<PatientRow>(
  'patients',
  `select ${PATIENT_COLUMNS.join(', ')} from durable_runs r ` +
    'left join durable_workers w on w.id = r.worker left join durable_ready q on q.run_id = r.id ' +
    'where r.id > ? order by r.id limit ?',
);

/** An operation with more than one row of a kind. */
export interface RepeatedRow {
  readonly run_id: string;
  readonly branch: number;
  readonly position: number;
  readonly times: number;
}

/** `[after, last]`. Operations of the page that have more than one outcome. */
export const REPEATED_OUTCOMES = query<RepeatedRow>(
  'repeatedOutcomes',
  'select h.run_id, h.branch, h.position, count(*) as times from durable_history h ' +
    'where h.run_id > ? and h.run_id <= ? and h.position is not null ' +
    "and h.type in ('completed', 'failed', 'withdrawn', 'abandoned') " +
    'group by h.run_id, h.branch, h.position having count(*) > 1',
);

/** `[after, last]`. Operations of the page that have more than one open attempt. */
export const REPEATED_TASKS = query<RepeatedRow>(
  'repeatedTasks',
  'select t.run_id, t.branch, t.position, count(*) as times from durable_tasks t ' +
    'where t.run_id > ? and t.run_id <= ? group by t.run_id, t.branch, t.position having count(*) > 1',
);

const TERMINAL = "r.status in ('completed', 'failed', 'cancelled')";

/** `[after, last]`. Waits of runs of the page that have ended: they would swallow payloads. */
export const WAITS_OF_ENDED = query<{ readonly run_id: string; readonly token: string }>(
  'waitsOfEnded',
  'select w.run_id, w.token from durable_waits w join durable_runs r on r.id = w.run_id ' +
    `where w.run_id > ? and w.run_id <= ? and ${TERMINAL}`,
);

/** `[after, last]`. Attempts of runs of the page that have ended: workers would execute them. */
export const TASKS_OF_ENDED = query<{ readonly run_id: string; readonly position: number }>(
  'tasksOfEnded',
  'select t.run_id, t.position from durable_tasks t join durable_runs r on r.id = t.run_id ' +
    `where t.run_id > ? and t.run_id <= ? and ${TERMINAL}`,
);

/**
 * `[parent id, position, key, position]`. A parent that still waits for the child and has neither its end in the history
 * nor a message of it.
 */
export const UNTOLD_PARENT = query<{ readonly id: string }>(
  'untoldParent',
  "select p.id from durable_runs p where p.id = ? and p.status in ('pending', 'running', 'suspended') " +
    'and exists (select 1 from durable_history h where h.run_id = p.id and h.branch = p.branch ' +
    "and h.position = ? and h.kind = 'child' and h.type = 'scheduled') " +
    'and not exists (select 1 from durable_inbox m where m.run_id = p.id and m.message_key = ?) ' +
    'and not exists (select 1 from durable_history h where h.run_id = p.id and h.branch = p.branch ' +
    "and h.position = ? and h.type <> 'scheduled')",
);

/** `[run id]`. Any one child that has not ended. */
export const LIVING_CHILD = query<{ readonly id: string }>(
  'livingChild',
  'select r.id from durable_runs r where r.parent_run_id = ? ' +
    "and r.status in ('pending', 'running', 'suspended', 'blocked') limit 1",
);

/** `[run id]`. The operations that have an open attempt. */
export const TASK_POSITIONS = query<{ readonly position: number }>(
  'taskPositions',
  'select t.position from durable_tasks t where t.run_id = ?',
);
