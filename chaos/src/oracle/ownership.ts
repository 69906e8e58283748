/** I4, I5, I10 and stale writes, from the audit: who owned a run when something was written for it. */
import { isTerminal, type RunStatus } from '@dudousxd/nestjs-durable-core';
import type { AuditRow } from './audit.js';

export interface OwnershipVerdict {
  readonly violations: readonly string[];
  /** History that was written by a worker that did not own the run. */
  readonly staleWrites: number;
  /** Runs that were taken from workers that had died. */
  readonly takeOvers: number;
}

interface Owner {
  readonly worker: string | null;
  readonly epoch: number;
}

/** @param audit of one run, in order */
function judgeRun(audit: readonly AuditRow[]): OwnershipVerdict {
  const violations: string[] = [];
  let staleWrites = 0;
  let takeOvers = 0;
  let ends = 0;
  let owner: Owner = { worker: null, epoch: 0 };
  /** Before the transaction that the row belongs to. */
  let before = owner;
  let tx = 0;
  for (const row of audit) {
    const blame = (text: string) => violations.push(`run ${row.runId}: ${text}`);
    if (row.tx !== tx) before = owner;
    tx = row.tx;
    if (row.what === 'rewrite')
      blame(`I1: history ${row.branch}/${row.seq} was changed or deleted`);
    if (row.what === 'history') {
      if (row.worker === before.worker || row.worker === owner.worker) continue;
      staleWrites += 1;
      blame(
        `I4: ${row.worker} wrote history ${row.seq}, owned by ${before.worker} (audit ${row.id})`,
      );
    }
    if (row.what !== 'run') continue;
    const { fromStatus, epoch, fromEpoch } = row;
    if (fromStatus !== null && isTerminal(fromStatus as RunStatus)) {
      blame(`I10: it was ${fromStatus}, and became ${row.status}`);
    }
    if (isTerminal(row.status as RunStatus)) ends += 1;
    if (fromEpoch !== null && (epoch ?? 0) < fromEpoch) blame(`I4: epoch ${fromEpoch} to ${epoch}`);
    const changesHands = row.worker !== null && row.worker !== row.fromWorker;
    if (changesHands && fromEpoch !== null && epoch === fromEpoch) {
      blame(`I4: ${row.worker} became its owner within epoch ${epoch}`);
    }
    if (row.worker !== null && row.fromWorker !== null && changesHands) {
      blame(`I4: ${row.worker} took it from ${row.fromWorker}, who owned it`);
    }
    if ((row.crashes ?? 0) > 0 && row.fromWorker !== null && row.worker === null) takeOvers += 1;
    owner = { worker: row.worker, epoch: epoch ?? 0 };
  }
  if (ends > 1) violations.push(`run ${audit[0]?.runId}: I10: it ended ${ends} times`);
  return { violations, staleWrites, takeOvers };
}

/** @param audit of all runs, in order */
export function judgeOwnership(audit: readonly AuditRow[]): OwnershipVerdict {
  const verdicts = [...Map.groupBy(audit, ({ runId }) => runId).values()].map(judgeRun);
  const sum = (count: (verdict: OwnershipVerdict) => number): number =>
    verdicts.reduce((total, verdict) => total + count(verdict), 0);
  return {
    violations: verdicts.flatMap(({ violations }) => violations),
    staleWrites: sum(({ staleWrites }) => staleWrites),
    takeOvers: sum(({ takeOvers }) => takeOvers),
  };
}

/** In milliseconds, in order. */
export interface Recovery {
  /** From the kill of a run's owner to its next owner. */
  readonly plain: readonly number[];
  /** Of runs that had been lost several times without progress: their claims are delayed on purpose. */
  readonly backedOff: readonly number[];
}

/** Crashes without progress from which on the next claim is delayed. */
const BACKOFF_FROM = 3;

/** How long runs were without an owner who lived, after their owner had been killed. */
export function recoveryTimes(
  audit: readonly AuditRow[],
  kills: readonly { readonly at: number; readonly workers: ReadonlySet<string> }[],
): Recovery {
  const plain: number[] = [];
  const backedOff: number[] = [];
  for (const rows of Map.groupBy(audit, ({ runId }) => runId).values()) {
    const changes = rows.filter(({ what }) => what === 'run');
    for (const { at, workers } of kills) {
      const held = changes.findLast((row) => row.at <= at);
      if (!held?.worker || !workers.has(held.worker)) continue;
      const next = changes.find((row) => row.at > at && row.worker !== null);
      if (next) ((next.crashes ?? 0) < BACKOFF_FROM ? plain : backedOff).push(next.at - at);
    }
  }
  return { plain: plain.sort(ascending), backedOff: backedOff.sort(ascending) };
}

function ascending(a: number, b: number): number {
  return a - b;
}
