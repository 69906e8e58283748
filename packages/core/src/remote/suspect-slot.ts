import type { Clock } from '../runtime/runtime.js';

/** Processes that an attempt has lost before it is a suspect. */
export const SUSPECT_FROM = 2;

/** Who has lived for longer has not killed its process, or does so slowly: the next may begin. */
const PROBATION_MS = 2_000;

/**
 * Lets attempts that have lost processes before begin one at a time in a process: of all that ran in those, one has
 * killed them. Beside each other, all would be blamed each time, and fail together.
 */
export class SuspectSlot {
  readonly #clock: Clock;
  #holder: string | null = null;
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the attempt may begin now: nobody else has begun for some time, or all of them have ended. */
  enter(taskId: string): boolean {
    const now = this.#clock.monotonic();
    const isFree = this.#holder === null || now - this.#since >= PROBATION_MS;
    if (!isFree) return this.#holder === taskId;
    this.#holder = taskId;
    this.#since = now;
    return true;
  }

  /** The attempt has ended. */
  leave(taskId: string): void {
    if (this.#holder === taskId) this.#holder = null;
  }
}
