/**
 * Drizzle's transactions on better-sqlite3. Their functions are synchronous, and so is all that the store does in them.
 *
 * Those of `ctx.transaction` run on a handle of their own, so that nothing of the application gets into them. A database in
 * memory has only the one handle: it is used while no transaction is open on it.
 */
import { InvalidArgumentError } from '@dudousxd/nestjs-durable-core';
import {
  fileOf,
  isSqliteDriver,
  type MaybePromise,
  NotATransactionError,
  type OrmTransactions,
  openAgain,
  type ScriptRunner,
  type SqliteDriver,
  SqliteSession,
} from '@dudousxd/nestjs-durable-store-sql';
import {
  receivedInsteadOf,
  type Session,
  sessionClientOf,
  sessionOf,
  sessionOn,
} from './transaction-handle.js';

/** A handle with Drizzle's session over it. */
interface Handle {
  readonly driver: SqliteDriver;
  readonly session: Session;
  readonly owned: boolean;
}

export class SqliteTransactions implements OrmTransactions {
  readonly #db: object;
  readonly #shared: SqliteDriver;
  readonly #now: (() => number) | undefined;
  readonly #scripts = new WeakMap<SqliteDriver, SqliteSession>();
  #handle: Handle | undefined;

  constructor(db: object, driver: SqliteDriver, now: (() => number) | undefined) {
    this.#db = db;
    this.#shared = driver;
    this.#now = now;
  }

  /** All of it happens in this call, but for the answer. */
  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const { driver, session } = this.#connected();
    if (driver.inTransaction) throw new HandleInUseError();
    return session.transaction((tx) => this.#requireDone(work(tx)), { behavior: 'immediate' });
  }

  runnerOf(tx: unknown): ScriptRunner {
    const driver = sessionClientOf(tx);
    if (!isSqliteDriver(driver)) throw new NotATransactionError(receivedInsteadOf(tx));
    if (!driver.open || !driver.inTransaction) {
      const { todo } = receivedInsteadOf(tx);
      throw new NotATransactionError({ received: 'one that has ended', todo });
    }
    const scripts = this.#scriptsOn(driver);
    return { run: (script) => scripts.run(script()) };
  }

  /** Closes the handle that it has opened. */
  close(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle?.owned && handle.driver.open) handle.driver.close();
  }

  /** A function that has not ended would go on writing when its transaction is over: it finds the handle closed. */
  #requireDone<T>(result: MaybePromise<T>): T {
    if (!(result instanceof Promise)) return result;
    result.then(ignore, ignore);
    this.close();
    throw new InvalidArgumentError({
      field: 'fn',
      received: result,
      todo:
        'On better-sqlite3 the function of ctx.transaction has to be synchronous: use .run(), .get() and .all() instead ' +
        'of await, and do what takes its time in a step before it. Nothing was written.',
    });
  }

  #connected(): Handle {
    this.#handle ??= this.#connect();
    return this.#handle;
  }

  #connect(): Handle {
    const file = fileOf(this.#shared);
    if (file === '') return { driver: this.#shared, session: sessionOf(this.#db), owned: false };
    const driver = openAgain(this.#shared, file);
    return { driver, session: sessionOn(this.#db, driver), owned: true };
  }

  #scriptsOn(driver: SqliteDriver): SqliteSession {
    const known = this.#scripts.get(driver);
    if (known) return known;
    const scripts = new SqliteSession(driver, this.#now);
    this.#scripts.set(driver, scripts);
    return scripts;
  }
}

/** The only handle of a database in memory has a transaction open. Tried again as a locked database is. */
class HandleInUseError extends Error {
  readonly code = 'SQLITE_BUSY';
}

function ignore(): void {}
