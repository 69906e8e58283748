/**
 * MikroORM's transactions on better-sqlite3. Those of `ctx.transaction` run one after the other on a handle of their own,
 * which is opened at the first of them: while they take their time, the application's queries go on.
 */
import {
  BodyGuard,
  fileOf,
  guardHandle,
  type MaybePromise,
  NotATransactionError,
  OneAtATime,
  type OrmTransactions,
  type ScriptRunner,
  type SqliteDriver,
  SqliteSession,
  StoreClosedError,
  setUpAgain,
  takeWriteLock,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';
import { createLoans, Loan } from './loan.js';
import { SecondDriver } from './second-driver.js';
import {
  hasEnded,
  type KyselyTransaction,
  requireOpen,
  type TransactionalEntityManager,
} from './transaction-handle.js';

const loans = createLoans<SqliteDriver>();

interface Body {
  readonly guard: BodyGuard;
  readonly handle: SqliteDriver;
}

interface Second {
  readonly driver: SecondDriver;
  readonly handle: SqliteDriver;
}

export class SqliteTransactions implements OrmTransactions<TransactionalEntityManager> {
  readonly #em: TransactionalEntityManager;
  readonly #connect: () => Promise<SqliteDriver>;
  readonly #now: (() => number) | undefined;
  readonly #line = new OneAtATime();
  readonly #scripts = new WeakMap<SqliteDriver, SqliteSession>();
  /** Of the transactions that `begin` has opened, by their EntityManager. */
  readonly #bodies = new WeakMap<TransactionalEntityManager, Body>();
  #second: Second | undefined;
  #isClosed = false;

  /**
   * @param connect gives MikroORM's handle
   * @param now see `ConnectionOptions`
   */
  constructor(
    em: TransactionalEntityManager,
    connect: () => Promise<SqliteDriver>,
    now: (() => number) | undefined,
  ) {
    this.#em = em;
    this.#connect = connect;
    this.#now = now;
  }

  begin<T>(work: (tx: TransactionalEntityManager) => MaybePromise<T>): Promise<T> {
    return this.#line.run(() => this.#transaction(work));
  }

  flush(tx: TransactionalEntityManager): Promise<void> {
    return tx.flush();
  }

  seal(tx: TransactionalEntityManager, transaction: string): ScriptRunner {
    const body = this.#bodies.get(tx);
    if (!body) return this.runnerOf(tx);
    body.guard.seal(transaction);
    return { run: (script) => this.#scriptsOn(body.handle).run(script()) };
  }

  runnerOf(tx: unknown): ScriptRunner {
    const { em, kysely } = requireOpen(tx, this.#em);
    const second = this.#second?.driver;
    const find = second?.isBelow(em)
      ? () => kysely.getExecutor().provideConnection((connection) => second.handleOf(connection))
      : this.#connect;
    return {
      run: async (script) => {
        const handle = await find();
        requireOpen(em, this.#em);
        // Someone may have ended it by hand.
        if (!handle?.open || !handle.inTransaction) throw new NotATransactionError(ENDED);
        return this.#scriptsOn(handle).run(script());
      },
    };
  }

  /** Closes the handle that it has opened. A transaction that is still open on it is rolled back. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#closeSecond();
  }

  async #transaction<T>(work: (tx: TransactionalEntityManager) => MaybePromise<T>): Promise<T> {
    const { driver, handle } = await this.#connected();
    const guard = new BodyGuard();
    let kysely: KyselyTransaction | undefined;
    try {
      return await loans.run(new Loan(guardHandle(handle, guard)), () =>
        driver.fork(this.#em).transactional((tx) => {
          kysely = tx.getTransactionContext();
          this.#bodies.set(tx, { guard, handle });
          takeWriteLock(handle);
          return guard.run(() => work(tx));
        }),
      );
    } finally {
      guard.close();
      // Kysely keeps a connection on which COMMIT or ROLLBACK has failed, and so does SQLite with its locks.
      if (!kysely || !hasEnded(kysely)) await this.#closeSecond();
    }
  }

  async #connected(): Promise<Second> {
    if (this.#isClosed) throw new StoreClosedError();
    this.#second ??= await openAgain(this.#em, await this.#connect());
    const second = this.#second;
    if (!this.#isClosed) return second;
    await this.#closeSecond();
    throw new StoreClosedError();
  }

  async #closeSecond(): Promise<void> {
    const second = this.#second;
    this.#second = undefined;
    await second?.driver.close();
  }

  #scriptsOn(handle: SqliteDriver): SqliteSession {
    const known = this.#scripts.get(handle);
    if (known) return known;
    const scripts = new SqliteSession(handle, this.#now);
    this.#scripts.set(handle, scripts);
    return scripts;
  }
}

const ENDED = {
  received: 'one that has ended',
  todo: 'Use it before its function returns, and do not commit or roll back by hand.',
};

async function openAgain(em: TransactionalEntityManager, shared: SqliteDriver): Promise<Second> {
  const dbName = fileOf(shared);
  if (dbName === '') {
    const todo = 'Use a database file: ctx.transaction needs a second connection to the database.';
    throw new UnsupportedHandleError({ received: 'a database in memory', todo });
  }
  const driver = await SecondDriver.open(em, { dbName, fileMustExist: true, timeout: 0 }, () =>
    loans.getStore()?.take(),
  );
  try {
    const handle = (await driver.connection.getNativeClient()) as SqliteDriver;
    setUpAgain(shared, handle);
    return { driver, handle };
  } catch (error) {
    await driver.close();
    throw error;
  }
}
