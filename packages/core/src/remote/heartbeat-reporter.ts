import { startTimer, type TimeSource } from './watchdog.js';

/** How often signs of life are sent. */
export interface HeartbeatPace {
  /** Least milliseconds between two: what is reported in between is sent together, the latest progress wins. */
  readonly throttleMs: number;
  /** Most milliseconds between two, even if the handler reports nothing. */
  readonly livenessMs: number;
}

/**
 * Sends the signs of life of one running attempt: at once, then at most one per `throttleMs`, and one per `livenessMs`
 * by itself, so that a long step is not taken for lost. Progress that is still held back is sent by `stop`.
 */
export class HeartbeatReporter {
  readonly #time: TimeSource;
  readonly #pace: HeartbeatPace;
  readonly #send: (progress: string | undefined) => void;
  #unsent: { readonly progress: string | undefined } | undefined;
  #sentAt: number;
  #stopTimer: () => void = () => {};

  constructor(time: TimeSource, pace: HeartbeatPace, send: (progress: string | undefined) => void) {
    this.#time = time;
    this.#pace = pace;
    this.#send = send;
    this.#sentAt = time.clock.monotonic() - pace.throttleMs;
    this.#arm(pace.livenessMs);
  }

  /** @param progress encoded; undefined = unchanged */
  report(progress: string | undefined): void {
    const wasWaiting = this.#unsent !== undefined;
    this.#unsent = { progress: progress ?? this.#unsent?.progress };
    if (wasWaiting) return;
    const waitMs = this.#sentAt + this.#pace.throttleMs - this.#time.clock.monotonic();
    if (waitMs <= 0) this.#beat();
    else this.#arm(waitMs);
  }

  stop(): void {
    if (this.#unsent !== undefined) this.#beat();
    this.#stopTimer();
  }

  #beat(): void {
    const progress = this.#unsent?.progress;
    this.#unsent = undefined;
    this.#sentAt = this.#time.clock.monotonic();
    this.#arm(this.#pace.livenessMs);
    this.#send(progress);
  }

  #arm(delayMs: number): void {
    this.#stopTimer();
    this.#stopTimer = startTimer(this.#time, delayMs, () => this.#beat());
  }
}
