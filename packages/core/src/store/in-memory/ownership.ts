import type { RunRecord } from '../../model/run.js';
import { crashLoopReason } from '../reasons.js';
import type { ProbationRequest, TakeOverRequest, TakeOverResult } from '../state-store.js';
import type { Transition } from './transition.js';

/** Takes runs from workers whose lease has passed. A worker that has lost its last run is dead. */
export function takeOver(tx: Transition, request: TakeOverRequest): TakeOverResult {
  let taken = 0;
  let blocked = 0;
  let more = false;
  for (const worker of tx.tables.workers.expired(tx.now)) {
    const lost = tx.tables.runs.ownedBy(worker.id);
    const batch = lost.slice(0, request.limit - taken);
    for (const run of batch) blocked += takeFromDead(tx, run, request) === 'blocked' ? 1 : 0;
    taken += batch.length;
    if (batch.length < lost.length) more = true;
    else tx.tables.workers.bury(worker.id, tx.now);
  }
  return { taken, blocked, more, nextExpiryAt: tx.tables.workers.nextExpiry(tx.now) };
}

function takeFromDead(
  tx: Transition,
  run: RunRecord,
  request: TakeOverRequest,
): RunRecord['status'] {
  const { runs, ready, history } = tx.tables;
  const seq = history.lastSeq(run.id, run.branch);
  const crashes = runs.crashSeq(run.id) === seq ? crashesAfter(run.crashes, request) : 1;
  runs.setCrashSeq(run.id, seq);
  const unowned: RunRecord = { ...run, worker: null, epoch: run.epoch + 1, crashes };
  if (crashes >= request.maxCrashes) {
    ready.remove(run.id);
    return runs.put({ ...unowned, status: 'blocked', reason: crashLoopReason(crashes) }).status;
  }
  const delayMs = backoffMs(crashes, request);
  // A delay wins over a wake that a sender left: what it sent stays in the inbox.
  if (delayMs > 0) ready.set(unowned, tx.now + delayMs);
  else ready.bring(unowned, tx.now);
  return runs.put(unowned).status;
}

/** On probation, a claim counts when the run begins. */
function crashesAfter(crashes: number, { probationFrom }: TakeOverRequest): number {
  return crashes < probationFrom ? crashes + 1 : crashes;
}

/** Counts the crash that is to be feared. */
export function beginProbation(tx: Transition, requests: readonly ProbationRequest[]): void {
  for (const { runId, worker, epoch, crashes } of requests) {
    const run = tx.tables.runs.get(runId);
    if (run?.worker === worker && run.epoch === epoch) tx.tables.runs.put({ ...run, crashes });
  }
}

function backoffMs(
  crashes: number,
  { probationFrom, backoffMs, backoffCapMs }: TakeOverRequest,
): number {
  const doublings = crashes - (probationFrom - 1);
  return doublings < 0 ? 0 : Math.min(backoffCapMs, backoffMs * 2 ** doublings);
}

/** Hands back all runs of a worker that stops, and remembers it as dead. */
export function releaseWorker(tx: Transition, worker: string): number {
  const owned = tx.tables.runs.ownedBy(worker);
  for (const run of owned) handBack(tx, run);
  tx.tables.workers.bury(worker, tx.now);
  return owned.length;
}

/** Makes an owned run claimable again at once. The epoch fences off whatever its owner still sends. */
export function handBack(tx: Transition, run: RunRecord): void {
  const unowned = tx.tables.runs.put({ ...run, worker: null, epoch: run.epoch + 1 });
  tx.tables.ready.bring(unowned, tx.now);
}
