/**
 * Drizzle's transactions on better-sqlite3. Their functions are synchronous, and so is all that the store does in them.
 *
 * Those of `ctx.transaction` run on a handle of their own, so that nothing of the application gets into them. A database in
 * memory has only the one handle: it is used while no transaction is open on it.
 */
import { InvalidArgumentError } from '@dudousxd/nestjs-durable-core';
import {
  BodyGuard,
  fileOf,
  guardHandle,
  isSqliteDriver,
  type MaybePromise,
  NotATransactionError,
  type OrmTransactions,
  openAgain,
  type ScriptRunner,
  type SqliteDriver,
  SqliteSession,
} from '@dudousxd/nestjs-durable-store-sql';
import { receivedInsteadOf, sessionClientOf, sessionOn } from './transaction-handle.js';

/** A handle for the transactions of `ctx.transaction`. */
interface Handle {
  readonly driver: SqliteDriver;
  readonly owned: boolean;
}

/** A transaction that `begin` has opened. */
interface Body {
  readonly guard: BodyGuard;
  /** Below the handle that Drizzle has. */
  readonly driver: SqliteDriver;
}

export class SqliteTransactions implements OrmTransactions {
  readonly #db: object;
  readonly #shared: SqliteDriver;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<SqliteDriver, Body>();
  readonly #scripts = new WeakMap<SqliteDriver, SqliteSession>();
  #handle: Handle | undefined;

  constructor(db: object, driver: SqliteDriver, now: (() => number) | undefined) {
    this.#db = db;
    this.#shared = driver;
    this.#now = now;
  }

  /** All of it happens in this call, but for the answer. */
  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const { driver } = this.#connected();
    if (driver.inTransaction) throw new HandleInUseError();
    const guard = new BodyGuard();
    const guarded = guardHandle(driver, guard);
    this.#bodies.set(guarded, { guard, driver });
    try {
      const session = sessionOn(this.#db, guarded);
      return session.transaction((tx) => this.#requireDone(work(tx)), { behavior: 'immediate' });
    } finally {
      guard.close();
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const body = this.#bodies.get(Object(sessionClientOf(tx)));
    if (!body) return this.runnerOf(tx);
    body.guard.seal(transaction);
    return this.#runnerOn(body.driver);
  }

  runnerOf(tx: unknown): ScriptRunner {
    const handle = openHandleOf(tx);
    const body = this.#bodies.get(handle);
    body?.guard.pass('');
    return this.#runnerOn(body?.driver ?? handle);
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
    if (file === '') return { driver: this.#shared, owned: false };
    return { driver: openAgain(this.#shared, file), owned: true };
  }

  #runnerOn(driver: SqliteDriver): ScriptRunner {
    const scripts = this.#scripts.get(driver) ?? new SqliteSession(driver, this.#now);
    this.#scripts.set(driver, scripts);
    return { run: (script) => scripts.run(script()) };
  }
}

/** @throws NotATransactionError for what is no open transaction of Drizzle */
function openHandleOf(tx: unknown): SqliteDriver {
  const handle = sessionClientOf(tx);
  if (!isSqliteDriver(handle)) throw new NotATransactionError(receivedInsteadOf(tx));
  if (handle.open && handle.inTransaction) return handle;
  const { todo } = receivedInsteadOf(tx);
  throw new NotATransactionError({ received: 'one that has ended', todo });
}

/** The only handle of a database in memory has a transaction open. Tried again as a locked database is. */
class HandleInUseError extends Error {
  readonly code = 'SQLITE_BUSY';
}

function ignore(): void {}
