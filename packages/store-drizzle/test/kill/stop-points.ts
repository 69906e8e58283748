/**
 * Places where a process can be killed, by name:
 *
 * - `before <call>` the engine asks the store, and nothing has been executed;
 * - `inside <call>` its statements have been executed, and the transaction is still open;
 * - `after <call>` it has been executed, and the engine has no answer;
 * - `acked <call>` the engine has the answer, and has done nothing with it yet;
 * - `in <step>` the step's body has begun.
 *
 * Calls that only sometimes do something (`claim`, `takeOver`, `takeTasks`) have a place after the time they do. A
 * commit is named by what it records: `commit [reserve, sleep scheduled, suspended]`. The second time in one process a
 * name gets ` #2`.
 */
import { readSync, writeSync } from 'node:fs';
import type {
  ClaimResult,
  HistoryEvent,
  LifecycleEvent,
  StateStore,
  TakeOverResult,
  TakeTasksResult,
  Turn,
} from '@dudousxd/nestjs-durable-core';
import Database from 'better-sqlite3';
import type { Ledger } from './ledger.js';

/** What the process writes to its standard output when it stands still. */
export const STOPPED = 'stopped';

export class StopPoints {
  readonly #stopAt: string | null;
  readonly #ledger: Ledger;
  readonly #passed = new Map<string, number>();
  /** The writing call whose statements are being executed. */
  #writing: string | null = null;

  /** @param stopAt the name of the place to stop at, or null */
  constructor(stopAt: string | null, ledger: Ledger) {
    this.#stopAt = stopAt;
    this.#ledger = ledger;
  }

  /** Freezes the whole process here, if this is the place, until it is killed, or gets a line on its standard input. */
  pass(name: string): void {
    if (this.#isHere(name)) readSync(STANDARD_INPUT, Buffer.alloc(1));
  }

  /** Stops only who waits for it, for ever: the process goes on with its heartbeats and all else. */
  async passAsync(name: string): Promise<void> {
    if (this.#isHere(name)) await new Promise(() => {});
  }

  /** A store whose calls pass the places before and after them. */
  watch(store: StateStore): StateStore {
    return new Proxy(store, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        // The one call that is no promise.
        if (property === 'onHint') return value.bind(target);
        return async (...args: unknown[]): Promise<unknown> => {
          const before = nameBefore(String(property), args[0]);
          if (before !== null) this.pass(`before ${before}`);
          this.#writing = property === 'history' ? null : before;
          const executed: unknown = Reflect.apply(value, target, args);
          // The driver is synchronous: the transaction is over, or it waits for a lock and is not watched.
          this.#writing = null;
          const result = await executed;
          const after = before ?? nameAfter(String(property), result);
          if (after !== null) this.pass(`after ${after}`);
          return result;
        };
      },
    });
  }

  /** A class of handles that pass the place inside of a writing call. The store opens its own handle with it. */
  watchTransactions(): typeof Database {
    const passInside = (): void => {
      if (this.#writing !== null) this.pass(`inside ${this.#writing}`);
    };
    return class extends Database {
      constructor(name?: string | Buffer, options?: Database.Options) {
        super(name, options);
        const prepare = this.prepare.bind(this);
        this.prepare = ((sql: string) => {
          const statement = prepare(sql);
          if (sql !== 'commit') return statement;
          const run = statement.run.bind(statement);
          statement.run = (...params: unknown[]) => {
            passInside();
            return run(...params);
          };
          return statement;
        }) as typeof this.prepare;
      }
    } as typeof Database;
  }

  #isHere(name: string): boolean {
    const times = (this.#passed.get(name) ?? 0) + 1;
    this.#passed.set(name, times);
    const at = times === 1 ? name : `${name} #${times}`;
    this.#ledger.append({ what: 'point', at });
    if (at !== this.#stopAt) return false;
    this.#ledger.append({ what: 'stopped', at });
    writeSync(process.stdout.fd, `${STOPPED}\n`);
    return true;
  }
}

const STANDARD_INPUT = 0;

/** The name of a commit that the engine has just told its listeners of; null for other events. */
export function nameOfAcknowledged({ type, events }: LifecycleEvent): string | null {
  if (type === 'run.created') return null;
  if (type === 'history') return commitName(events, null);
  return commitName(events, type === 'run.suspended' ? 'suspended' : 'settled');
}

function nameBefore(method: string, request: unknown): string | null {
  switch (method) {
    case 'createRuns':
      return 'start';
    case 'commit':
      return (request as readonly Turn[])
        .map(({ events, change }) => commitName(events, change?.to ?? null))
        .join(' and ');
    case 'signal':
    case 'history':
    case 'completeTasks':
      return method;
    default:
      return null;
  }
}

function nameAfter(method: string, result: unknown): string | null {
  switch (method) {
    case 'claim':
      return (result as ClaimResult).claimed.length > 0 ? method : null;
    case 'takeOver':
      return (result as TakeOverResult).taken > 0 ? method : null;
    case 'takeTasks':
      return (result as TakeTasksResult).tasks.length > 0 ? method : null;
    default:
      return null;
  }
}

function commitName(events: readonly HistoryEvent[], change: string | null): string {
  const recorded = events.map(({ type, name }) =>
    type === 'completed' ? name : `${name} ${type}`,
  );
  return `commit [${[...recorded, ...(change === null ? [] : [change])].join(', ')}]`;
}
