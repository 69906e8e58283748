/** The edge between rows and the port's records: the only place where columns are trusted to be what they should be. */
import { createHash } from 'node:crypto';
import type {
  EventDetail,
  HistoryEvent,
  NewRun,
  OperationGroup,
  ParentRef,
  RemoteTask,
  RunRecord,
  TakenTask,
  WaitingFor,
} from '@dudousxd/nestjs-durable-core';
import type { Params } from '../sql/statement.js';
import type { HistoryRow } from '../statements/history.js';
import type { RunRow } from '../statements/runs.js';
import type { TaskRow } from '../statements/tasks.js';

/** More than this, and the keys of the ready list would be too long for some databases' indexes. */
const MAX_QUEUE_LENGTH = 128;

/**
 * What the ready list calls a `workflow@version`: a long one is there as its digest, which has no `@` in it and is
 * nobody's name.
 */
export function readyQueue(served: string): string {
  if (served.length <= MAX_QUEUE_LENGTH) return served;
  return `sha256:${createHash('sha256').update(served).digest('hex')}`;
}

/** The queue of the run's ready row. */
export function queueOf({
  workflow,
  version,
}: {
  readonly workflow: string;
  readonly version: string;
}): string {
  return readyQueue(`${workflow}@${version}`);
}

/** The record of a run that is being made: born `running` under `worker`, or `pending`. */
export function recordOfNew(run: NewRun, now: number, worker: string | null): RunRecord {
  const { id, namespace, workflow, version, input, inputDigest, seed, parent, tags } = run;
  return {
    id,
    namespace,
    workflow,
    version,
    status: worker === null ? 'pending' : 'running',
    branch: 0,
    epoch: worker === null ? 0 : 1,
    worker,
    input,
    inputDigest,
    output: null,
    error: null,
    seed,
    parent,
    tags,
    priority: run.priority,
    createdAt: now,
    startedAt: worker === null ? null : now,
    finishedAt: null,
    deadlineAt: run.timeoutMs === null ? null : now + run.timeoutMs,
    crashes: 0,
    waitingFor: [],
    reason: null,
  };
}

/** Parameters of `INSERT_RUN`. */
export function newRunParams(run: RunRecord): Params {
  return [
    run.id,
    run.worker,
    run.epoch,
    run.branch,
    run.status,
    run.namespace,
    run.workflow,
    run.version,
    run.priority,
    run.crashes,
    run.parent?.runId ?? null,
    run.parent?.branch ?? null,
    run.parent?.position ?? null,
    run.parent?.closePolicy ?? null,
    run.createdAt,
    run.startedAt,
    run.deadlineAt,
    run.seed,
    run.inputDigest,
    run.tags.length === 0 ? '[]' : JSON.stringify(run.tags),
    run.input,
  ];
}

export function toRunRecord(row: RunRow): RunRecord {
  return {
    id: row.id,
    namespace: row.namespace,
    workflow: row.workflow,
    version: row.version,
    status: row.status,
    branch: row.branch,
    epoch: row.epoch,
    worker: row.worker,
    input: row.input,
    inputDigest: row.input_digest,
    output: row.output,
    error: row.error,
    seed: row.seed,
    parent: toParentRef(row),
    tags: row.tags === '[]' ? [] : (JSON.parse(row.tags) as readonly string[]),
    priority: row.priority,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    deadlineAt: row.deadline_at,
    crashes: row.crashes,
    waitingFor:
      row.waiting_for === null ? [] : (JSON.parse(row.waiting_for) as readonly WaitingFor[]),
    reason: row.reason,
  };
}

type ParentColumns = Pick<
  RunRow,
  'parent_run_id' | 'parent_branch' | 'parent_position' | 'close_policy'
>;

/** The parent that the columns name; null where they do not name one. */
export function toParentRef(row: ParentColumns): ParentRef | null {
  const { parent_run_id, parent_branch, parent_position, close_policy } = row;
  if (parent_run_id === null || parent_branch === null) return null;
  if (parent_position === null || close_policy === null) return null;
  return {
    runId: parent_run_id,
    branch: parent_branch,
    position: parent_position,
    closePolicy: close_policy,
  };
}

/** Parameters of `INSERT_HISTORY`. */
export function historyParams(runId: string, branch: number, event: HistoryEvent): Params {
  return [
    runId,
    branch,
    event.seq,
    event.type,
    event.kind,
    event.position,
    event.name,
    event.digest,
    event.cause,
    event.attempt,
    event.at,
    event.startedAt,
    event.worker,
    event.site,
    event.group === null ? null : JSON.stringify(event.group),
    event.detail === null ? null : JSON.stringify(event.detail),
    event.payload,
  ];
}

export function toHistoryEvent(row: HistoryRow): HistoryEvent {
  return {
    seq: row.seq,
    type: row.type,
    kind: row.kind,
    position: row.position,
    name: row.name,
    digest: row.digest,
    cause: row.cause,
    attempt: row.attempt,
    payload: row.payload,
    at: row.recorded_at,
    startedAt: row.started_at,
    worker: row.worker,
    site: row.site,
    group: row.op_group === null ? null : (JSON.parse(row.op_group) as OperationGroup),
    detail: row.detail === null ? null : (JSON.parse(row.detail) as EventDetail),
  };
}

/** Parameters of `INSERT_TASK`. */
export function taskParams(task: RemoteTask, visibleAt: number): Params {
  return [
    task.id,
    task.namespace,
    task.runId,
    task.branch,
    task.position,
    task.attempt,
    task.step,
    task.token,
    task.idempotencyKey,
    task.timeoutMs,
    task.heartbeatTimeoutMs,
    task.priority,
    0,
    task.progress,
    task.input,
    visibleAt,
  ];
}

/** A task as it is handed out by a take, which its row does not count yet. */
export function toTakenTask(row: TaskRow): TakenTask {
  return {
    id: row.id,
    namespace: row.namespace,
    runId: row.run_id,
    branch: row.branch,
    position: row.position,
    attempt: row.attempt,
    step: row.step,
    token: row.token,
    input: row.input,
    idempotencyKey: row.idempotency_key,
    timeoutMs: row.timeout_ms,
    heartbeatTimeoutMs: row.heartbeat_timeout_ms,
    priority: row.priority,
    progress: row.progress,
    takes: row.takes + 1,
    isUnserved: row.unserved_since !== null,
  };
}
