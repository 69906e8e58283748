/** The one file that touches the process's own clock, timers and randomness. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { uuidV7 } from '../model/ids.js';
import type { Clock, Logger, Runtime, TimerHandle } from './runtime.js';

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** The real thing: wall clock, Node's timers, cryptographic randomness. */
export function createSystemRuntime(logger: Logger): Runtime {
  return {
    clock: systemClock,
    scheduler: {
      setTimer: (task, delayMs) => ({ timer: setTimeout(task, delayMs) }),
      clearTimer: ({ timer }: TimerHandle) => clearTimeout(timer as NodeJS.Timeout),
      soon: (task) => {
        setImmediate(task);
      },
    },
    ids: {
      id: () => uuidV7(Date.now(), randomBytes(16)),
      secret: () => randomBytes(16).toString('hex'),
      random: () => Math.random(),
    },
    logger,
  };
}

/** Writes warnings and errors to standard error, and keeps the rest to itself. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => print('warning', message, fields),
  error: (message, fields) => print('error', message, fields),
};

function print(
  level: string,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  const facts = Object.keys(fields).length === 0 ? '' : ` ${inspect(fields, { depth: 4 })}`;
  process.stderr.write(`[durable] ${level}: ${message}${facts}\n`);
}
