import type { Runtime, TimerHandle } from '@dudousxd/nestjs-durable-core';

/** Whose silence, and what becomes of it. */
export interface SilenceOptions {
  readonly runtime: Runtime;
  readonly limitMs: number;
  /** Whether silence says something now. */
  readonly counts: () => boolean;
  /** Called at most once. */
  readonly onSilent: () => void;
}

/**
 * Waits for a sign of life. Time in which none could have come does not count: after it the wait begins again.
 */
export class Silence {
  readonly #options: SilenceOptions;
  #timer: TimerHandle | undefined;
  #wasDeaf = false;
  #isTouched = false;

  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#arm();
  }

  touch(): void {
    this.#isTouched = true;
  }

  end(): void {
    if (this.#timer !== undefined) this.#options.runtime.scheduler.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const { runtime, limitMs } = this.#options;
    this.#timer = runtime.scheduler.setTimer(() => this.#ring(), limitMs);
  }

  #ring(): void {
    const isDeaf = !this.#options.counts();
    const goesOn = isDeaf || this.#wasDeaf || this.#isTouched;
    this.#wasDeaf = isDeaf;
    this.#isTouched = false;
    if (goesOn) this.#arm();
    else this.#options.onSilent();
  }
}
