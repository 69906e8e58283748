/** Which faults hit when: drawn from the seed before anything starts. */
import type { Random } from '../program/random.js';
import type { FaultKind } from './fault-log.js';

/** Faults that are planned; replies of commits are cut off all the time. */
export type PlannedKind = Exclude<FaultKind, 'cut'>;

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
};

/** About three minutes: what has to be seen at least, and a little more. */
export const SMOKE_FAULTS: FaultCounts = {
  ...{ kill: 22, pause: 6, block: 2, database: 3, terminate: 6 },
  ...{ hole: 3, reset: 3, latency: 2, sigterm: 2 },
};

/** One fault each so many seconds. */
const CADENCE_SECONDS: Readonly<Record<PlannedKind, number>> = {
  ...{ kill: 6, pause: 15, block: 60, database: 45, terminate: 10 },
  ...{ hole: 60, reset: 30, latency: 30, sigterm: 120 },
};

export function faultsFor(minutes: number): FaultCounts {
  const counts = Object.entries(CADENCE_SECONDS).map(([kind, seconds]) => [
    kind,
    Math.max(1, Math.floor((minutes * 60) / seconds)),
  ]);
  return Object.fromEntries(counts) as FaultCounts;
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
