/**
 * TypeORM's transactions on better-sqlite3. Those of `ctx.transaction` run one after the other on a DataSource of their own,
 * which is opened at the first of them: on the application's, any other query would get into them.
 */
import {
  BodyGuard,
  guardHandle,
  type MaybePromise,
  NotATransactionError,
  OneAtATime,
  type OrmTransactions,
  type ScriptRunner,
  type SqliteDriver,
  SqliteSession,
  StoreClosedError,
  takeWriteLock,
} from '@dudousxd/nestjs-durable-store-sql';
import { SecondDataSource, sqliteHandleOf } from './second-data-source.js';
import {
  openRunnerOf,
  type TransactionalDataSource,
  type TypeOrmQueryRunner,
} from './transaction-handle.js';

export class SqliteTransactions implements OrmTransactions {
  readonly #first: TransactionalDataSource;
  readonly #now: (() => number) | undefined;
  readonly #line = new OneAtATime();
  readonly #scripts = new WeakMap<SqliteDriver, SqliteSession>();
  /** Of the transactions that `begin` has opened. */
  readonly #guards = new WeakMap<TypeOrmQueryRunner, BodyGuard>();
  #second: SecondDataSource | undefined;
  #isClosed = false;

  constructor(source: TransactionalDataSource, now: (() => number) | undefined) {
    this.#first = source;
    this.#now = now;
  }

  begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    return this.#line.run(() => this.#transaction(work));
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const second = this.#second;
    // The function may have ended the transaction, which the last statements find.
    const guard = this.#guards.get(Object(tx).queryRunner);
    if (!second || !guard) return this.runnerOf(tx);
    guard.seal(transaction);
    return { run: (script) => this.#scriptsOn(second.handle).run(script()) };
  }

  runnerOf(tx: unknown): ScriptRunner {
    const { dataSource } = Object(tx);
    const second = this.#second;
    const driverOf = (): SqliteDriver => {
      this.#guards.get(openRunnerOf(tx, [this.#first, second?.source]))?.pass('');
      const isSecond = second !== undefined && dataSource === second.source;
      const driver = isSecond ? second.handle : sqliteHandleOf(this.#first);
      if (driver.open && driver.inTransaction) return driver;
      const todo = 'Use it before its function returns.';
      throw new NotATransactionError({ received: 'one that has ended', todo });
    };
    driverOf();
    return { run: (script) => this.#scriptsOn(driverOf()).run(script()) };
  }

  /** Closes the DataSource that it has opened. A transaction that is still open on it is rolled back. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#closeSecond();
  }

  async #transaction<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const second = await this.#connected();
    const guard = new BodyGuard();
    const runner = second.createRunner(guardHandle(second.handle, guard));
    this.#guards.set(runner, guard);
    try {
      return await runner.manager.transaction((tx) => {
        takeWriteLock(second.handle);
        return guard.run(() => work(tx));
      });
    } finally {
      guard.close();
      second.retire(runner);
      // Neither COMMIT nor ROLLBACK has ended it.
      if (second.handle.open && second.handle.inTransaction) await this.#closeSecond();
    }
  }

  async #connected(): Promise<SecondDataSource> {
    if (this.#isClosed) throw new StoreClosedError();
    this.#second ??= await SecondDataSource.open(this.#first);
    const second = this.#second;
    if (!this.#isClosed) return second;
    await this.#closeSecond();
    throw new StoreClosedError();
  }

  async #closeSecond(): Promise<void> {
    const second = this.#second;
    this.#second = undefined;
    await second?.close();
  }

  #scriptsOn(driver: SqliteDriver): SqliteSession {
    const known = this.#scripts.get(driver);
    if (known) return known;
    const scripts = new SqliteSession(driver, this.#now);
    this.#scripts.set(driver, scripts);
    return scripts;
  }
}
