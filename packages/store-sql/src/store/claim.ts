/**
 * Claims. The ready list is read by queue and priority along its index, and never further than the due rows that are
 * taken: rows that are not due yet cost nothing, however many there are.
 */
import type {
  ClaimedRun,
  ClaimRequest,
  ClaimResult,
  RunRecord,
} from '@dudousxd/nestjs-durable-core';
import { change, firstOfEach, rows, rowsOfEach, type Script } from '../sql/script.js';
import {
  DELETE_READY,
  DELETE_STALE_READY,
  DUE_ROWS,
  type DueRow,
  LOCK_OWN_WAKES,
  NEXT_WAKE,
  OWN_WAKES,
  READY_PRIORITIES,
} from '../statements/ready.js';
import { CLAIM_RUN, LOCK_OWN, LOCK_UNOWNED, OWNED_RUNS, type RunRow } from '../statements/runs.js';
import { receiveAll } from './receive.js';
import { readyQueue, toRunRecord } from './rows.js';
import { begin, type Transition } from './transition.js';
import { isWakeable } from './wake.js';

/** One level of the ready list: the queues that have rows of this priority, taken in the order of their times. */
interface Level {
  readonly priority: number;
  readonly queues: readonly string[];
}

/** What a claim would find. */
interface Outlook {
  readonly now: number;
  readonly nextWakeAt: number | null;
  readonly hasWakes: boolean;
}

/**
 * The answer to a claim that has nothing to do, found without taking the write lock; undefined = there is something.
 */
export function* claimNothing(request: ClaimRequest): Script<ClaimResult | undefined> {
  if (request.resync) return undefined;
  const { now, nextWakeAt, hasWakes } = yield* look(request);
  const isDue = nextWakeAt !== null && nextWakeAt <= now;
  if (hasWakes || (isDue && request.limit > 0)) return undefined;
  return { now, claimed: [], wakes: [], owned: [], nextWakeAt, more: isDue };
}

function* look(request: ClaimRequest): Script<Outlook> {
  const { now } = yield* begin();
  const wakes = yield* rows(OWN_WAKES, [request.worker, now, request.namespace]);
  const levels = yield* levelsOf(request);
  return {
    now,
    nextWakeAt: yield* nextWake(request.namespace, levels),
    hasWakes: wakes.length > 0,
  };
}

/** Gives due runs to a worker: unowned ones become its own, those it owns already come back as wakes. */
export function* claim(request: ClaimRequest): Script<ClaimResult> {
  const tx = yield* begin();
  const { worker, namespace, limit } = request;
  const owned = request.resync ? yield* rows(OWNED_RUNS, [worker]) : [];
  const wakes = yield* takeWakes(tx, request);
  const levels = yield* levelsOf(request);
  const due = yield* takeDue(tx, { namespace, levels, limit });
  // The ready list is locked after runs everywhere else: never wait for a run here.
  const free = yield* firstOfEach(
    LOCK_UNOWNED,
    due.map((id) => [id]),
  );
  const taken = free.flatMap((row) => row ?? []);
  yield* change(
    DELETE_READY,
    [...wakes, ...taken.map(({ id }) => id)].map((id) => [id]),
  );
  const claimed = yield* own(tx, taken, worker);
  const nextWakeAt = yield* nextWake(namespace, levels);
  const more = nextWakeAt !== null && nextWakeAt <= tx.now;
  return { now: tx.now, claimed, wakes, owned: owned.map(toRunRecord), nextWakeAt, more };
}

/**
 * Due rows of runs that the worker owns. Their owner is looked at again under the run's lock: whoever takes such a run
 * from the worker puts a ready row there afterwards, or has done so before. A run that is locked may be on its way to be
 * suspended, by a turn that has looked for messages already: its row has to stay for whoever claims it then.
 */
function* takeWakes(
  { now }: Transition,
  { worker, namespace }: ClaimRequest,
): Script<readonly string[]> {
  const due = yield* rows(LOCK_OWN_WAKES, [worker, now, namespace]);
  const owned = yield* firstOfEach(
    LOCK_OWN,
    due.map(({ run_id }) => [run_id, worker]),
  );
  return owned.flatMap((run) => (run ? [run.id] : []));
}

/** The levels of the queues that the worker serves, in the order in which claims go through them. */
function* levelsOf({ namespace, serves }: ClaimRequest): Script<readonly Level[]> {
  const queues = [...new Set(serves.map(readyQueue))];
  const priorities = yield* rowsOfEach(
    READY_PRIORITIES,
    queues.map((queue) => [namespace, queue]),
  );
  const levels = new Map<number, string[]>();
  queues.forEach((queue, i) => {
    for (const { priority } of priorities[i] ?? []) {
      const level = levels.get(priority);
      if (level) level.push(queue);
      else levels.set(priority, [queue]);
    }
  });
  return [...levels]
    .map(([priority, served]) => ({ priority, queues: served }))
    .sort((a, b) => b.priority - a.priority);
}

interface DueRequest {
  readonly namespace: string;
  readonly levels: readonly Level[];
  readonly limit: number;
}

/** Ids of up to `limit` due runs that nobody owns, by priority, time and id. */
function* takeDue(tx: Transition, { namespace, levels, limit }: DueRequest): Script<string[]> {
  const ids: string[] = [];
  for (const level of levels) {
    if (ids.length >= limit) break;
    ids.push(...(yield* takeLevel(tx, { namespace, level, limit: limit - ids.length })));
  }
  return ids;
}

interface LevelRequest {
  readonly namespace: string;
  readonly level: Level;
  readonly limit: number;
}

function* takeLevel(
  { now }: Transition,
  { namespace, level: { priority, queues }, limit }: LevelRequest,
): Script<readonly string[]> {
  for (;;) {
    const found = yield* rowsOfEach(
      DUE_ROWS,
      queues.map((queue) => [namespace, queue, priority, now, limit]),
    );
    const due = found.flat().sort(byClaimOrder).slice(0, limit);
    const stale = due.filter(({ status }) => status === null || !isWakeable(status));
    if (stale.length === 0) return due.map((row) => row.run_id);
    // A row without a run that can use it means nothing.
    yield* change(
      DELETE_STALE_READY,
      stale.map((row) => [row.run_id]),
    );
  }
}

function byClaimOrder(a: DueRow, b: DueRow): number {
  return a.wake_at - b.wake_at || (a.run_id < b.run_id ? -1 : 1);
}

function* own(
  tx: Transition,
  taken: readonly RunRow[],
  worker: string,
): Script<readonly ClaimedRun[]> {
  yield* change(
    CLAIM_RUN,
    taken.map(({ id }) => [worker, tx.now, id]),
  );
  const runs = taken.map((row) => claimedBy(worker, toRunRecord(row), tx.now));
  const arrivals = yield* receiveAll(tx, runs);
  return runs.map((run, i) => ({ run, arrivals: arrivals[i] ?? [] }));
}

/** What `CLAIM_RUN` makes of a run. */
function claimedBy(worker: string, run: RunRecord, now: number): RunRecord {
  const { epoch, startedAt } = run;
  return {
    ...run,
    ...{ worker, epoch: epoch + 1, status: 'running', startedAt: startedAt ?? now, waitingFor: [] },
  };
}

/** The earliest time at which the levels have a row of a run that nobody owns. */
function* nextWake(namespace: string, levels: readonly Level[]): Script<number | null> {
  const earliest = yield* firstOfEach(
    NEXT_WAKE,
    levels.flatMap(({ priority, queues }) => queues.map((queue) => [namespace, queue, priority])),
  );
  return earliest.reduce<number | null>((min, row) => {
    if (!row) return min;
    return min === null ? row.wake_at : Math.min(min, row.wake_at);
  }, null);
}
