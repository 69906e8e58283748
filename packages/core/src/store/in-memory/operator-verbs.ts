import type { RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import type { RetryRequest, TerminateRequest, VerbOutcome } from '../state-store.js';
import { copyOf } from './copy.js';
import { terminateRun } from './end-run.js';
import type { Transition } from './transition.js';

/** Ends a run as `cancelled` from outside. */
export function terminate(
  tx: Transition,
  { runId, reason, onlyIf }: TerminateRequest,
): VerbOutcome {
  const run = tx.tables.runs.get(runId);
  if (!run) return { outcome: 'unknown' };
  if (onlyIf === 'pending' ? !isUntouched(run) : isTerminal(run.status)) return refused(run);
  const ended = terminateRun(tx, run, reason);
  tx.settleMailboxes();
  return done(tx, ended);
}

function isUntouched({ status, epoch, worker }: RunRecord): boolean {
  return status === 'pending' && epoch === 0 && worker === null;
}

/** Puts a failed or blocked run back to work: on a new branch with the given history, or a blocked one where it was. */
export function retry(tx: Transition, { runId, branch, epoch, events }: RetryRequest): VerbOutcome {
  const run = tx.tables.runs.get(runId);
  if (!run) return { outcome: 'unknown' };
  const isRetryable = run.status === 'blocked' || (run.status === 'failed' && events !== null);
  if (!isRetryable || run.branch !== branch || run.epoch !== epoch) return refused(run);
  const cleared = { output: null, error: null, reason: null, finishedAt: null, crashes: 0 };
  const back: RunRecord = { ...run, ...cleared, status: 'suspended', epoch: epoch + 1 };
  const revived = tx.tables.runs.put(events === null ? back : { ...back, branch: branch + 1 });
  if (events !== null) {
    leaveBranch(tx, run);
    tx.tables.history.append(runId, revived.branch, events);
  }
  tx.wake(runId);
  tx.settleMailboxes();
  return done(tx, revived);
}

/** What was asked for on a branch means nothing to the next one. */
function leaveBranch(tx: Transition, run: RunRecord): void {
  tx.closeWaits(run);
  tx.tables.tasks.deleteRun(run.id);
  tx.tables.inbox.dropBranches(run.id);
}

/** Deletes a terminal run with its history. Its children stay. */
export function deleteRun(tx: Transition, runId: string): VerbOutcome {
  const run = tx.tables.runs.get(runId);
  if (!run) return { outcome: 'unknown' };
  if (!isTerminal(run.status)) return refused(run);
  tx.tables.runs.delete(run);
  tx.tables.history.delete(runId);
  return done(tx, run);
}

function refused(run: RunRecord): VerbOutcome {
  return { outcome: 'refused', run: copyOf(run) };
}

function done(tx: Transition, run: RunRecord): VerbOutcome {
  return { outcome: 'done', run: copyOf(run), woken: tx.woken };
}
