/** Time, timers, ids and randomness of one simulated process. */
import type { IdSource, Logger, Runtime, TimerHandle } from '@dudousxd/nestjs-durable-core';
import type { Agenda, AgendaEvent, EventOwner } from './agenda.js';
import type { Rng } from './random.js';

/** A clock that is wrong: shifted, and too fast or too slow. */
export class SimClock {
  private readonly agenda: Agenda;
  private readonly origin: number;
  private readonly rate: number;
  private offsetMs: number;

  /** @param drift 0.05 = runs 5 % fast */
  constructor(agenda: Agenda, offsetMs: number, drift: number) {
    this.agenda = agenda;
    this.origin = agenda.now;
    this.offsetMs = offsetMs;
    this.rate = 1 + drift;
  }

  now(): number {
    return Math.floor(this.origin + this.monotonic() + this.offsetMs);
  }

  monotonic(): number {
    return (this.agenda.now - this.origin) * this.rate;
  }

  /** Moves the wall clock; the monotonic one and running timers do not notice. */
  jump(ms: number): void {
    this.offsetMs += ms;
  }

  /** True milliseconds that pass while this clock counts `ms`. */
  trueMs(ms: number): number {
    return ms / this.rate;
  }
}

export interface SimRuntimeOptions {
  readonly agenda: Agenda;
  readonly clock: SimClock;
  readonly owner: EventOwner;
  readonly rng: Rng;
  readonly log: (who: string, text: string) => void;
  readonly onDeadTimer: () => void;
  readonly isDead: () => boolean;
}

/** Makes the `Runtime` of one life of a process. */
export function createSimRuntime(
  options: SimRuntimeOptions,
): Runtime & { pendingTimers(): number } {
  const { agenda, clock, owner, rng } = options;
  const timers = new Set<AgendaEvent>();
  const arm = (label: string, delayMs: number, task: () => void): AgendaEvent | null => {
    if (options.isDead()) {
      options.onDeadTimer();
      return null;
    }
    const event = agenda.add({
      owner,
      actor: `${owner.name}.${label}`,
      label,
      delayMs: clock.trueMs(delayMs),
      run: () => {
        timers.delete(event);
        task();
      },
    });
    return event;
  };
  return {
    clock,
    scheduler: {
      setTimer: (task, delayMs) => {
        requireDelay(delayMs);
        const event = arm('timer', delayMs, task);
        if (event !== null) timers.add(event);
        return { timer: event };
      },
      clearTimer: ({ timer }: TimerHandle) => {
        if (timer === null) return;
        timers.delete(timer as AgendaEvent);
        agenda.remove(timer as AgendaEvent);
      },
      soon: (task) => {
        arm('soon', 0, task);
      },
    },
    ids: createIds(rng, clock),
    logger: createLogger(owner, options.log),
    pendingTimers: () => timers.size,
  };
}

function requireDelay(delayMs: number): void {
  if (delayMs >= 0 && delayMs <= 2 ** 31 - 1) return;
  throw new RangeError(`setTimer(${delayMs}): a delay has to be in [0, 2^31 - 1]`);
}

function createIds(rng: Rng, clock: SimClock): IdSource {
  return {
    id: () => {
      const time = clock.now().toString(16).padStart(12, '0').slice(-12);
      const rest = rng.hex(15);
      return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-a${rest.slice(3, 6)}-${rest.slice(6)}${rng.hex(3)}`;
    },
    secret: () => rng.hex(32),
    random: () => rng.next(),
  };
}

function createLogger(owner: EventOwner, log: (who: string, text: string) => void): Logger {
  const say = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    log(
      owner.name,
      `${level}: ${message}${fields === undefined ? '' : ` ${describeFields(fields)}`}`,
    );
  };
  return { debug: () => undefined, info: say('info'), warn: say('warn'), error: say('error') };
}

function describeFields(fields: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(fields).map(([key, value]) => {
    return `${key}=${value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value)}`;
  });
  return parts.join(' ').slice(0, 400);
}
