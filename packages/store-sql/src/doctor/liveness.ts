/** I12: somebody will look at every run that has not ended, in time. */
import type { WaitingFor } from '@dudousxd/nestjs-durable-core';
import { firstOfEach, rowsOfEach, type Script } from '../sql/script.js';
import { LIVING_CHILD, type PatientRow, TASK_POSITIONS } from '../statements/doctor.js';
import { WAITS_OF_RUN } from '../statements/signals.js';
import { haveArrivals } from '../store/receive.js';
import type { Transition } from '../store/transition.js';
import { isWakeable } from '../store/wake.js';
import type { DoctorFinding } from './report.js';

/** Clocks of servers are set now and then. */
const CLOCK_TOLERANCE_MS = 1_000;

export function* examineLiveness(
  tx: Transition,
  page: readonly PatientRow[],
): Script<readonly DoctorFinding[]> {
  const living = page.filter(({ status }) => isWakeable(status));
  const lost = living.filter(
    ({ worker, known_worker }) => worker !== null && known_worker === null,
  );
  const free = living.filter(({ worker }) => worker === null);
  return [
    ...lost.map(({ id, worker }) => finding(id, `its owner ${worker} is no known worker`)),
    ...(yield* examineSleepers(tx, free)),
    ...(yield* examineWaiting(free.filter(({ wake_at }) => wake_at === null))),
  ];
}

/** Runs without an owner that have something to do, and nobody will look at them by then. */
function* examineSleepers(
  tx: Transition,
  free: readonly PatientRow[],
): Script<readonly DoctorFinding[]> {
  const latest = tx.now + CLOCK_TOLERANCE_MS;
  // A run that has crashed may have to wait, whatever has arrived.
  const asleep = free.filter(
    ({ wake_at, crashes }) => crashes === 0 && (wake_at === null || wake_at > latest),
  );
  const arrived = yield* haveArrivals(tx, asleep);
  const slept = asleep.filter((_, i) => arrived[i]);
  return [
    ...slept.map(({ id }) => finding(id, 'something has arrived for it, and nobody is woken')),
    ...asleep.flatMap((run) => overdue(run)),
  ];
}

/** A ready row that is later than the earliest time that the run waits for. */
function overdue({ id, wake_at, waiting_for }: PatientRow): DoctorFinding[] {
  const times = waitsOf(waiting_for).flatMap(({ until }) => until ?? []);
  const earliest = Math.min(...times);
  if (wake_at === null || earliest + CLOCK_TOLERANCE_MS >= wake_at) return [];
  return [finding(id, `it waits until ${earliest}, and is woken at ${wake_at}`)];
}

/** Runs without an owner and without a ready row: all that they wait for has to be there. */
function* examineWaiting(parked: readonly PatientRow[]): Script<readonly DoctorFinding[]> {
  const ids = parked.map(({ id }) => [id]);
  const waits = yield* rowsOfEach(WAITS_OF_RUN, ids);
  const tasks = yield* rowsOfEach(TASK_POSITIONS, ids);
  const children = yield* firstOfEach(LIVING_CHILD, ids);
  return parked.flatMap((run, i) => {
    const open: OpenThings = {
      tokens: new Set((waits[i] ?? []).map(({ token }) => token)),
      tasks: new Set((tasks[i] ?? []).map(({ position }) => position)),
      hasChild: children[i] !== undefined,
    };
    return orphaned(run, open);
  });
}

interface OpenThings {
  readonly tokens: ReadonlySet<string>;
  readonly tasks: ReadonlySet<number>;
  readonly hasChild: boolean;
}

function orphaned({ id, waiting_for }: PatientRow, open: OpenThings): DoctorFinding[] {
  const waits = waitsOf(waiting_for);
  if (waits.length === 0) {
    return [finding(id, 'it has no owner, is not ready, and waits for nothing')];
  }
  return waits
    .filter((wait) => !isOpen(wait, open))
    .map(({ kind, name, position }) => ({
      ...finding(id, `it waits for the ${kind} '${name}', which is not there`),
      position,
    }));
}

function isOpen({ kind, name, position }: WaitingFor, open: OpenThings): boolean {
  switch (kind) {
    case 'signal':
      return open.tokens.has(name);
    case 'remote':
      return open.tasks.has(position);
    case 'child':
      return open.hasChild;
    // Time passes only for what has a ready row.
    case 'timer':
    case 'retry':
      return false;
    default:
      return kind satisfies never;
  }
}

function waitsOf(column: string | null): readonly WaitingFor[] {
  return column === null ? [] : (JSON.parse(column) as readonly WaitingFor[]);
}

function finding(runId: string, what: string): DoctorFinding {
  return { invariant: 'I12', runId, what };
}
