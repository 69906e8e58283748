import {
  crashLoopReason,
  type HeartbeatRequest,
  type HeartbeatResult,
  type ProbationRequest,
  type TakeOverRequest,
  type TakeOverResult,
} from '@dudousxd/nestjs-durable-core';
import { change, first, lockRows, rows, rowsOfEach, type Script } from '../sql/script.js';
import type { Params } from '../sql/statement.js';
import { BRING_READY, DELETE_READY, SET_READY } from '../statements/ready.js';
import {
  BEGIN_PROBATION,
  LOCK_HEAD,
  LOCK_OWNED,
  LOCK_OWNED_IDS,
  LOCK_RUN,
  type LostRun,
  RELEASE_RUN,
  TAKE_AND_BLOCK_RUN,
  TAKE_RUN,
} from '../statements/runs.js';
import {
  ANNOUNCE_WORKFLOW,
  BEAT_WORKER,
  BURY_WORKER,
  EXPIRED_WORKERS,
  GET_WORKER,
  NEXT_EXPIRY,
} from '../statements/workers.js';
import { begin, type Transition } from './transition.js';
import { readyParams } from './wake.js';

/** More than any worker owns. */
const ALL = 1_000_000_000;

/** Registers the worker or extends its lease, unless it has been declared dead. */
export function* heartbeat(request: HeartbeatRequest): Script<HeartbeatResult> {
  const { now } = yield* begin();
  const { worker, namespace, leaseMs } = request;
  const known = yield* first(GET_WORKER, [worker]);
  if (known && known.dead_at !== null) return { now, alive: false };
  const serves = JSON.stringify(request.serves);
  yield* change(BEAT_WORKER, [[worker, namespace, serves, now + leaseMs, now]]);
  if (known?.serves !== serves) {
    const workflows = new Set(request.serves.map(workflowOf));
    yield* change(
      ANNOUNCE_WORKFLOW,
      [...workflows].sort().map((workflow) => [namespace, workflow]),
    );
  }
  return { now, alive: true };
}

function workflowOf(queue: string): string {
  return queue.slice(0, queue.lastIndexOf('@'));
}

/** Takes runs from workers whose lease has passed. A worker that has lost its last run is dead. */
export function* takeOver(request: TakeOverRequest): Script<TakeOverResult> {
  const tx = yield* begin();
  const workers = yield* rows(EXPIRED_WORKERS, [tx.now]);
  const lines = workers.map(({ id }) => [id, request.limit + 1]);
  yield* lockRows(LOCK_OWNED_IDS, lines);
  const owned = yield* rowsOfEach(LOCK_OWNED, lines);
  const lost = owned.flat();
  const batch = lost.slice(0, request.limit).map((run) => judge(run, request));
  yield* takeFromDead(tx, batch);
  yield* change(
    BURY_WORKER,
    workers.map(({ id }) => [tx.now, id]),
  );
  const blocked = batch.filter((taken) => taken.delayMs === null).length;
  const next = yield* first(NEXT_EXPIRY, [tx.now]);
  const nextExpiryAt = next?.lease_until ?? null;
  return { taken: batch.length, blocked, more: lost.length > batch.length, nextExpiryAt };
}

/** What becomes of a run whose worker died. */
interface TakenRun {
  readonly run: LostRun;
  readonly crashes: number;
  readonly lastSeq: number;
  /** Before the next claim; null = the run is blocked. */
  readonly delayMs: number | null;
}

function judge(run: LostRun, request: TakeOverRequest): TakenRun {
  const lastSeq = run.last_seq ?? 0;
  const crashes = run.crash_seq === lastSeq ? crashesAfter(run.crashes, request) : 1;
  const delayMs = crashes >= request.maxCrashes ? null : backoffMs(crashes, request);
  return { run, crashes, lastSeq, delayMs };
}

/** On probation, a claim counts when the run begins. */
function crashesAfter(crashes: number, { probationFrom }: TakeOverRequest): number {
  return crashes < probationFrom ? crashes + 1 : crashes;
}

function backoffMs(
  crashes: number,
  { probationFrom, backoffMs, backoffCapMs }: TakeOverRequest,
): number {
  const doublings = crashes - (probationFrom - 1);
  return doublings < 0 ? 0 : Math.min(backoffCapMs, backoffMs * 2 ** doublings);
}

function* takeFromDead({ now }: Transition, batch: readonly TakenRun[]): Script<void> {
  const taken: Params[] = [];
  const atOnce: Params[] = [];
  const delayed: Params[] = [];
  const blocked: Params[] = [];
  for (const { run, crashes, lastSeq, delayMs } of batch) {
    if (delayMs === null) {
      blocked.push([crashes, lastSeq, crashLoopReason(crashes), run.id]);
      continue;
    }
    taken.push([crashes, lastSeq, run.id]);
    (delayMs === 0 ? atOnce : delayed).push(readyParams(run, now + delayMs));
  }
  yield* change(TAKE_RUN, taken);
  yield* change(TAKE_AND_BLOCK_RUN, blocked);
  yield* change(BRING_READY, atOnce);
  // A delay wins over a wake that a sender left: what it sent stays in the inbox.
  yield* change(SET_READY, delayed);
  yield* change(
    DELETE_READY,
    blocked.map((params) => params.slice(-1)),
  );
}

/** Counts the crash that is to be feared. */
export function* beginProbation(requests: readonly ProbationRequest[]): Script<void> {
  const sorted = [...requests].sort((a, b) => (a.runId < b.runId ? -1 : 1));
  yield* lockRows(
    LOCK_RUN,
    sorted.map(({ runId }) => [runId]),
  );
  yield* change(
    BEGIN_PROBATION,
    sorted.map(({ runId, worker, epoch, crashes }) => [crashes, runId, worker, epoch]),
  );
}

/** Hands back all runs of a worker that stops, and remembers it as dead. */
export function* releaseWorker(worker: string): Script<number> {
  const { now } = yield* begin();
  const owned = yield* rows(LOCK_OWNED, [worker, ALL]);
  yield* change(
    RELEASE_RUN,
    owned.map(({ id }) => [id]),
  );
  yield* change(
    BRING_READY,
    owned.map((run) => readyParams(run, now)),
  );
  yield* change(BURY_WORKER, [[now, worker]]);
  return owned.length;
}

/** Makes an owned run claimable again at once. The epoch fences off whatever its owner still sends. */
export function* releaseRun(runId: string, worker: string, epoch: number): Script<boolean> {
  const { now } = yield* begin();
  const run = yield* first(LOCK_HEAD, [runId]);
  if (run?.worker !== worker || run.epoch !== epoch) return false;
  yield* change(RELEASE_RUN, [[runId]]);
  yield* change(BRING_READY, [readyParams(run, now)]);
  return true;
}
