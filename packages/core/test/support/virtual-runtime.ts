import type { Logger, Runtime, TimerHandle } from '../../src/runtime/runtime.js';

interface PendingTimer {
  readonly dueAt: number;
  readonly task: () => void;
}

/** A log line, as a test sees it. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** Lets everything that is ready now run: microtasks, and one turn of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A runtime whose time stands still until `advance` moves it. Timers fire in order of their due times. */
export class VirtualRuntime implements Runtime {
  #now = 1_700_000_000_000;
  #ids = 0;
  readonly #timers = new Map<TimerHandle, PendingTimer>();
  readonly logs: LogLine[] = [];

  readonly clock = { now: () => this.#now, monotonic: () => this.#now - 1_600_000_000_000 };

  readonly scheduler = {
    setTimer: (task: () => void, delayMs: number): TimerHandle => {
      if (!(delayMs >= 0 && delayMs <= 2 ** 31 - 1)) throw new RangeError(`timer of ${delayMs} ms`);
      const handle = { timer: this.#timers.size };
      this.#timers.set(handle, { dueAt: this.#now + delayMs, task });
      return handle;
    },
    clearTimer: (handle: TimerHandle): void => {
      this.#timers.delete(handle);
    },
    soon: (task: () => void): void => {
      setImmediate(task);
    },
  };

  readonly ids = {
    id: () => `id-${++this.#ids}`,
    secret: () => `secret-${++this.#ids}`,
    random: () => 0.5,
  };

  readonly logger: Logger = {
    debug: (message, fields) => void this.logs.push({ level: 'debug', message, fields }),
    info: (message, fields) => void this.logs.push({ level: 'info', message, fields }),
    warn: (message, fields) => void this.logs.push({ level: 'warn', message, fields }),
    error: (message, fields) => void this.logs.push({ level: 'error', message, fields }),
  };

  /** Timers that are armed: none may be left over by what has ended. */
  get timers(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      const [handle, { dueAt, task }] = next;
      this.#timers.delete(handle);
      this.#now = Math.max(this.#now, dueAt);
      task();
      await settle();
    }
    this.#now = until;
  }

  #next(until: number): [TimerHandle, PendingTimer] | undefined {
    const due = [...this.#timers].filter(([, timer]) => timer.dueAt <= until);
    return due.sort(([, a], [, b]) => a.dueAt - b.dueAt)[0];
  }
}
