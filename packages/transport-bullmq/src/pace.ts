/**
 * How fast things go, all from one number: how often a running attempt gives a sign of life. It is at most a quarter of
 * the time after which the engine dispatches a silent task again. Within that time the others have to notice that an
 * engine or a worker is gone, and to take over its answers or its tasks.
 */
import type { TransportHost } from '@dudousxd/nestjs-durable-core';

const DEFAULT_LIVENESS_MS = 5_000;
const BEATS_PER_LIVENESS = 2;
const MIN_BEAT_MS = 50;

/** Signs of life in the time for which a silent worker keeps a job. */
const LIVES_PER_LOCK = 6;

export function livenessOf({ livenessMs }: TransportHost): number {
  return Math.max(1, Math.round(livenessMs ?? DEFAULT_LIVENESS_MS));
}

/** How often an engine or a worker says that it is there. */
export function beatOf(host: TransportHost): number {
  return Math.max(MIN_BEAT_MS, Math.round(livenessOf(host) / BEATS_PER_LIVENESS));
}

/** How long a silent worker keeps a job, and how often others look for such jobs. */
export function lockOf(host: TransportHost): { lockMs: number; stalledMs: number } {
  const livenessMs = livenessOf(host);
  return { lockMs: livenessMs * LIVES_PER_LOCK, stalledMs: livenessMs * 2 };
}
