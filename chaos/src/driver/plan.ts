/** Which faults hit when: drawn from the seed before anything starts. */
import type { Random } from '../program/random.js';
import type { FaultKind } from './fault-log.js';

/** Faults that are planned; replies are cut off all the time. */
export type PlannedKind = Exclude<FaultKind, 'cut' | 'redisCut'>;

/** How many of each, spread evenly over the time. */
export type FaultCounts = Readonly<Record<PlannedKind, number>>;

export interface PlannedFault {
  readonly kind: PlannedKind;
  /** After the begin of the load. */
  readonly atMs: number;
}

export const NO_FAULTS: FaultCounts = {
  ...{ kill: 0, pause: 0, block: 0, database: 0, terminate: 0 },
  ...{ hole: 0, reset: 0, latency: 0, sigterm: 0 },
  ...{ redis: 0, redisLoss: 0, flush: 0, redisHole: 0, redisReset: 0 },
  ...{ workerKill: 0, workerPause: 0, workerTerm: 0, forge: 0, duplicate: 0 },
};

/** About three minutes: what has to be seen at least, and a little more. */
export const SMOKE_FAULTS: FaultCounts = {
  ...NO_FAULTS,
  ...{ kill: 22, pause: 6, block: 2, database: 3, terminate: 6 },
  ...{ hole: 3, reset: 3, latency: 2, sigterm: 2 },
};

/** About as long, with remote steps: what hits Redis, the workers and the messages, and fewer of the others. */
export const REMOTE_SMOKE_FAULTS: FaultCounts = {
  ...NO_FAULTS,
  ...{ kill: 6, pause: 2, database: 1, terminate: 1, hole: 1, reset: 1, sigterm: 1 },
  ...{ redis: 3, redisLoss: 3, flush: 4, redisHole: 5, redisReset: 6 },
  ...{ workerKill: 14, workerPause: 5, workerTerm: 3, forge: 30, duplicate: 20 },
};

type Cadence = Readonly<Partial<Record<PlannedKind, number>>>;

/** One fault each so many seconds. */
const CADENCE_SECONDS: Cadence = {
  ...{ kill: 6, pause: 15, block: 60, database: 45, terminate: 10 },
  ...{ hole: 60, reset: 30, latency: 30, sigterm: 120 },
};

const REMOTE_CADENCE_SECONDS: Cadence = {
  ...{ kill: 20, pause: 60, block: 120, database: 120, terminate: 60 },
  ...{ hole: 120, reset: 60, latency: 60, sigterm: 120 },
  ...{ redis: 40, redisLoss: 40, flush: 30, redisHole: 25, redisReset: 20 },
  ...{ workerKill: 8, workerPause: 20, workerTerm: 40, forge: 4, duplicate: 6 },
};

export function faultsFor(minutes: number, hasRemoteSteps = false): FaultCounts {
  const cadence = hasRemoteSteps ? REMOTE_CADENCE_SECONDS : CADENCE_SECONDS;
  const counts = Object.entries(cadence).map(([kind, seconds]) => [
    kind,
    Math.max(1, Math.floor((minutes * 60) / seconds)),
  ]);
  return { ...NO_FAULTS, ...(Object.fromEntries(counts) as Partial<FaultCounts>) };
}

export function planFaults(
  counts: FaultCounts,
  durationMs: number,
  random: Random,
): readonly PlannedFault[] {
  const kinds = Object.entries(counts) as [PlannedKind, number][];
  const faults = kinds.flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, i) => {
      const share = durationMs / count;
      return { kind, atMs: Math.round(share * (i + random.next())) };
    }),
  );
  return faults.sort((a, b) => a.atMs - b.atMs);
}
