import { startTimer } from '../remote/watchdog.js';
import type { Runtime } from '../runtime/runtime.js';
import type { StateStore } from './state-store.js';

export interface Patience {
  readonly store: StateStore;
  readonly runtime: Runtime;
  /** How long the database may be away, in milliseconds, since `since`. */
  readonly limitMs: number;
  /** On the monotonic clock. */
  readonly since: number;
  /** Whether nobody waits any more. */
  readonly isOver: () => boolean;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

/**
 * Does what a starting process has to do with its database, again while that cannot be reached: containers are started
 * together, and the database is rarely the first to be ready. Any other error is thrown at once, and the last one when the
 * time is up.
 */
export async function untilReachable<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  const { store, runtime, limitMs, since, isOver } = patience;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      const leftMs = limitMs - (runtime.clock.monotonic() - since);
      if (leftMs <= 0 || isOver() || !store.isUnavailable(error)) throw error;
      const left = `${Math.ceil(leftMs / 1_000)} s`;
      runtime.logger.warn(`The database cannot be reached; trying again for ${left}.`, { error });
      const nextMs = Math.min(pauseMs, leftMs);
      await new Promise<void>((resolve) => startTimer(runtime, nextMs, resolve));
      if (isOver()) throw error;
    }
  }
}
