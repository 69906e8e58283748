import type { RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import type { ClaimedRun, ClaimRequest, ClaimResult } from '../state-store.js';
import { copyOf } from './copy.js';
import { byClaimOrder, type ReadyRow } from './ready-list.js';
import { receive } from './receive.js';
import type { Transition } from './transition.js';

/** Gives due runs to a worker: unowned ones become its own, those it owns already come back as wakes. */
export function claim(tx: Transition, request: ClaimRequest): ClaimResult {
  const { runs, ready } = tx.tables;
  const owned = request.resync ? runs.ownedBy(request.worker).map(copyOf) : [];
  const { wakes, candidates } = sortReadyRows(tx, request);
  for (const runId of wakes) ready.remove(runId);
  const due = candidates.filter((row) => row.wakeAt <= tx.now).sort(byClaimOrder);
  const taken = due.slice(0, request.limit);
  const claimed = taken.flatMap((row) => take(tx, row, request.worker));
  const left = candidates.filter((row) => ready.get(row.runId));
  return {
    now: tx.now,
    claimed,
    wakes,
    owned,
    nextWakeAt:
      left.length === 0 ? null : left.reduce((min, row) => Math.min(min, row.wakeAt), Infinity),
    more: due.length > taken.length,
  };
}

interface SortedRows {
  /** Due runs that the worker owns. */
  readonly wakes: string[];
  /** Rows, due or not, of unowned runs that the worker can run. */
  readonly candidates: ReadyRow[];
}

function sortReadyRows({ tables, now }: Transition, request: ClaimRequest): SortedRows {
  const serves = new Set(request.serves);
  const wakes: string[] = [];
  const candidates: ReadyRow[] = [];
  for (const row of tables.ready.rows()) {
    const run = tables.runs.get(row.runId);
    if (!run || row.namespace !== request.namespace) continue;
    if (run.worker === request.worker) {
      if (row.wakeAt <= now) wakes.push(row.runId);
    } else if (run.worker === null && serves.has(row.queue)) {
      candidates.push(row);
    }
  }
  return { wakes, candidates };
}

function take(tx: Transition, row: ReadyRow, worker: string): ClaimedRun[] {
  tx.tables.ready.remove(row.runId);
  const run = tx.tables.runs.get(row.runId);
  if (!run || isTerminal(run.status)) return [];
  const claimed = tx.tables.runs.put(ownedRecord(run, worker, tx.now));
  return [{ run: copyOf(claimed), arrivals: receive(tx, claimed) }];
}

function ownedRecord(run: RunRecord, worker: string, now: number): RunRecord {
  const startedAt = run.startedAt ?? now;
  return { ...run, status: 'running', worker, epoch: run.epoch + 1, startedAt, waitingFor: [] };
}
