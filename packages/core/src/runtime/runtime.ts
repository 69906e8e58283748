/** Everything that is not deterministic comes in through here, so that the simulator can own all of it. */

/** Time of this process. Leases and deadlines are compared with the database's time, never with `now()`. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary origin. */
  monotonic(): number;
}

/** Handle of a timer; opaque. */
export type TimerHandle = { readonly timer: unknown };

export interface Scheduler {
  /** Runs `task` once after `delayMs`, which may be any non-negative number up to 2^31 - 1. */
  setTimer(task: () => void, delayMs: number): TimerHandle;
  clearTimer(handle: TimerHandle): void;
  /** Runs `task` when the work that is ready now has run. */
  soon(task: () => void): void;
}

/** Identifiers and randomness. */
export interface IdSource {
  /** A UUIDv7. */
  id(): string;
  /** 128 random bits as 32 hex digits, not guessable. */
  secret(): string;
  /** In [0, 1). For jitter. */
  random(): number;
}

/** What the engine says to people. The shape of NestJS's Logger, so that it can be handed over as it is. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface Runtime {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly ids: IdSource;
  readonly logger: Logger;
}
