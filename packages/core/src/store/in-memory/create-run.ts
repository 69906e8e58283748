import type { NewRun, RunRecord } from '../../model/run.js';
import { copyOf } from './copy.js';
import type { Transition } from './transition.js';

/** Makes the run, born `running` under `claim` if it is due, otherwise with a ready row. The id must be free. */
export function insertRun(tx: Transition, newRun: NewRun, claim: string | null): RunRecord {
  const { startAt } = newRun;
  const isDue = startAt === null || startAt <= tx.now;
  const run = tx.tables.runs.put(recordOf(newRun, tx.now, isDue ? claim : null));
  if (run.worker !== null) return run;
  tx.tables.ready.set(run, Math.max(tx.now, startAt ?? tx.now));
  if (isDue) tx.noteWoken(run.id);
  return run;
}

function recordOf(newRun: NewRun, now: number, worker: string | null): RunRecord {
  const { startAt: _, timeoutMs, ...fields } = copyOf(newRun);
  return {
    ...fields,
    status: worker === null ? 'pending' : 'running',
    branch: 0,
    epoch: worker === null ? 0 : 1,
    worker,
    output: null,
    error: null,
    createdAt: now,
    startedAt: worker === null ? null : now,
    finishedAt: null,
    deadlineAt: timeoutMs === null ? null : now + timeoutMs,
    crashes: 0,
    waitingFor: [],
    reason: null,
  };
}
