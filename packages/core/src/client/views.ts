/** Runs and history as users see them: payloads decoded, times as dates. */
import type { Codec } from '../codec/codec.js';
import type { HistoryEntry, RunSummary, RunView, RunWait } from '../engine-types.js';
import type { HistoryEvent } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import type { UnservedTask } from '../store/state-store.js';
import { servedKey } from '../workflow/registry.js';

/** Who serves what, as far as the runs that are shown need it. */
export interface Serving {
  /** `workflow@version` pairs that live workers announce. */
  readonly served: ReadonlySet<string>;
  /** Pairs that only dead workers announced, and when the last of them went. */
  readonly lastServed: ReadonlyMap<string, number>;
  /** Remote attempts of these runs that nobody serves. */
  readonly unserved: readonly UnservedTask[];
}

/** A run without its payloads. */
export function toSummary(run: RunRecord, serving: Serving): RunSummary {
  const unclaimable = isUnclaimable(run, serving.served);
  const pair = servedKey(run.workflow, run.version);
  const reason = unclaimable ? `no live worker serves ${pair}` : run.reason;
  const goneAt = Math.max(run.createdAt, serving.lastServed.get(pair) ?? 0);
  return {
    runId: run.id,
    workflow: run.workflow,
    version: run.version,
    status: run.status,
    tags: run.tags,
    priority: run.priority,
    ...(run.parent === null ? {} : { parentRunId: run.parent.runId }),
    createdAt: new Date(run.createdAt),
    ...(run.startedAt === null ? {} : { startedAt: new Date(run.startedAt) }),
    ...(run.finishedAt === null ? {} : { finishedAt: new Date(run.finishedAt) }),
    waitingFor: waitsOf(run, serving.unserved),
    ...(reason === null ? {} : { reason }),
    unclaimable,
    ...(unclaimable ? { unclaimableSince: new Date(goneAt) } : {}),
    branch: run.branch,
  };
}

/** A run with its payloads. @throws CodecError if one cannot be decoded */
export function toView(run: RunRecord, serving: Serving, codec: Codec): RunView {
  return {
    ...toSummary(run, serving),
    input: codec.decode(run.input),
    ...(run.output === null ? {} : { output: codec.decode(run.output) }),
    ...(run.error === null ? {} : { error: codec.decodeError(run.error) }),
  };
}

/** A history event with its payload. @throws CodecError if it cannot be decoded */
export function toEntry(event: HistoryEvent, codec: Codec): HistoryEntry {
  const { payload, at, startedAt, ...facts } = event;
  return {
    ...facts,
    at: new Date(at),
    ...(startedAt === null ? {} : { startedAt: new Date(startedAt) }),
    ...decodedPayload(event, payload, codec),
  };
}

function decodedPayload(
  { type, detail }: HistoryEvent,
  payload: string | null,
  codec: Codec,
): Pick<HistoryEntry, 'result' | 'error'> {
  if (payload === null) return {};
  const failed = type === 'failed' || type === 'attemptFailed' || detail?.childFailed === true;
  return failed ? { error: codec.decodeError(payload) } : { result: codec.decode(payload) };
}

function waitsOf(run: RunRecord, unserved: readonly UnservedTask[]): readonly RunWait[] {
  const own = unserved.filter(({ runId }) => runId === run.id);
  if (own.length === 0) return run.waitingFor;
  return run.waitingFor.map((wait) => {
    const task = own.find(({ position }) => position === wait.position);
    return task === undefined || wait.kind !== 'remote'
      ? wait
      : { ...wait, unservedSince: task.since };
  });
}

/** Whether it is in the open that a run waits for a remote attempt. */
export function waitsForRemote({ status, waitingFor }: RunRecord): boolean {
  return status === 'suspended' && waitingFor.some(({ kind }) => kind === 'remote');
}

/** Whether no live worker can claim a run that needs one. */
export function isUnclaimable(run: RunRecord, served: ReadonlySet<string>): boolean {
  if (run.worker !== null || !EXECUTABLE.has(run.status)) return false;
  return !served.has(servedKey(run.workflow, run.version));
}

/** Statuses of runs that a worker could claim. `running` without a worker: it was handed back or taken over. */
const EXECUTABLE: ReadonlySet<RunRecord['status']> = new Set(['pending', 'running', 'suspended']);
