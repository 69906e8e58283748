/** Runs and history as users see them: payloads decoded, times as dates. */
import type { Codec } from '../codec/codec.js';
import type { HistoryEntry, RunSummary, RunView } from '../engine-types.js';
import type { HistoryEvent } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import { servedKey } from '../workflow/registry.js';

/** A run without its payloads. `served`: what live workers announce. */
export function toSummary(run: RunRecord, served: ReadonlySet<string>): RunSummary {
  const unclaimable = isUnclaimable(run, served);
  const reason = unclaimable
    ? `no live worker serves ${servedKey(run.workflow, run.version)}`
    : run.reason;
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
    waitingFor: run.waitingFor,
    ...(reason === null ? {} : { reason }),
    unclaimable,
    branch: run.branch,
  };
}

/** A run with its payloads. @throws CodecError if one cannot be decoded */
export function toView(run: RunRecord, served: ReadonlySet<string>, codec: Codec): RunView {
  return {
    ...toSummary(run, served),
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

function isUnclaimable(run: RunRecord, served: ReadonlySet<string>): boolean {
  if (run.worker !== null || !EXECUTABLE.has(run.status)) return false;
  return !served.has(servedKey(run.workflow, run.version));
}

/** Statuses of runs that a worker could claim. `running` without a worker: it was handed back or taken over. */
const EXECUTABLE: ReadonlySet<RunRecord['status']> = new Set(['pending', 'running', 'suspended']);
