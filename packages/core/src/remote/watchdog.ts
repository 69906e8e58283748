import type { Clock, Scheduler } from '../runtime/runtime.js';

/** The part of a runtime that timers need. */
export interface TimeSource {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Node's timers fire at once above this: longer waits are cut into pieces. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A timer of any length. @returns a function that withdraws it */
export function startTimer(time: TimeSource, delayMs: number, onDue: () => void): () => void {
  const dog = new Watchdog(time, delayMs, onDue);
  return () => dog.stop();
}

/** Waits for something, but no longer than a time. Whatever comes of it later is left alone. */
export async function within(
  time: TimeSource,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stopTimer = startTimer(time, timeoutMs, resolve);
  try {
    await Promise.race([work, promise]);
  } finally {
    stopTimer();
  }
}

/**
 * Calls back once when nobody has touched it for `limitMs`. Measured on the monotonic clock; a limit above 24.8 days
 * works. Touching it is cheap: no timer is made anew.
 */
export class Watchdog {
  readonly #time: TimeSource;
  readonly #limitMs: number;
  readonly #onDue: () => void;
  #dueAt: number;
  #stopTimer: () => void = () => {};

  constructor(time: TimeSource, limitMs: number, onDue: () => void) {
    this.#time = time;
    this.#limitMs = limitMs;
    this.#onDue = onDue;
    this.#dueAt = time.clock.monotonic() + limitMs;
    this.#arm();
  }

  touch(): void {
    this.#dueAt = this.#time.clock.monotonic() + this.#limitMs;
  }

  stop(): void {
    this.#stopTimer();
  }

  #arm(): void {
    const { clock, scheduler } = this.#time;
    const leftMs = Math.max(0, Math.ceil(this.#dueAt - clock.monotonic()));
    const timer = scheduler.setTimer(() => this.#ring(), Math.min(leftMs, MAX_TIMER_MS));
    this.#stopTimer = () => scheduler.clearTimer(timer);
  }

  #ring(): void {
    if (this.#time.clock.monotonic() < this.#dueAt) this.#arm();
    else this.#onDue();
  }
}
