/**
 * Transactions on better-sqlite3. The driver is synchronous, and so is a script here: it runs from BEGIN to COMMIT
 * without giving way, so that nothing else of this process can get into its transaction, and no lock is held across a
 * turn of the event loop.
 */
import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import { sqlite } from '../dialect/sqlite.js';
import { StoreBusyError, StoreClosedError, UnsupportedHandleError } from '../errors.js';
import type { FailureKind, SqlExecutor } from '../sql/executor.js';
import { noHints } from '../sql/hints.js';
import { rows, type Script } from '../sql/script.js';
import type { Params, Query } from '../sql/statement.js';
import { BusyLine } from './busy-line.js';
import { isBusy, isRefusal, isUnavailable, type SqliteDriver } from './driver.js';
import { SqliteSession } from './sqlite-session.js';

export interface SqliteExecutorOptions {
  /**
   * Makes the handle, at the first use. An owned handle is one that nobody else uses: it is set to WAL and FULL, and
   * closed by `close`. A shared one is left as it is, and never used while a transaction of others is open on it.
   */
  readonly connect: () => { readonly driver: SqliteDriver; readonly owned: boolean };
  /** Epoch milliseconds: the database's clock, which in SQLite is the process's. @default Date.now */
  readonly now?: () => number;
  /** How long to wait for another connection's lock. @default 10 s */
  readonly busyTimeoutMs?: number;
}

/** Somebody else's transaction is open on the shared handle. */
class HandleInUse extends Error {}

export class SqliteExecutor implements SqlExecutor {
  readonly dialect: Dialect = sqlite;
  readonly clock: (() => number) | null;
  readonly hints = noHints;
  readonly #options: SqliteExecutorOptions;
  readonly #line: BusyLine;
  #connection: SqliteConnection | undefined;

  constructor(options: SqliteExecutorOptions) {
    this.#options = options;
    this.clock = options.now ?? null;
    this.#line = new BusyLine({
      isBusy: (error) => error instanceof HandleInUse || isBusy(error),
      timeoutMs: options.busyTimeoutMs ?? 10_000,
    });
  }

  write<T>(script: () => Script<T>): Promise<T> {
    return this.#line.run(() => this.#connected().transaction('begin immediate', script));
  }

  urgent<T>(script: () => Script<T>): Promise<T> {
    return this.write(script);
  }

  async connectionFindings(): Promise<readonly SettingFinding[]> {
    return [];
  }

  read<T>(script: () => Script<T>): Promise<T> {
    const work = (): T => this.#connected().transaction('begin', script);
    return this.#line.run(work, { reads: true });
  }

  statement<Row>(statement: Query<Row>, params: Params): Promise<readonly Row[]> {
    return this.write(() => rows(statement, params));
  }

  classify(error: unknown): FailureKind {
    if (error instanceof StoreBusyError || error instanceof StoreClosedError) return 'unavailable';
    if (isUnavailable(error)) return 'unavailable';
    return isRefusal(error) ? 'refused' : 'other';
  }

  async close(): Promise<void> {
    this.#line.close();
    this.#connection?.close();
  }

  #connected(): SqliteConnection {
    this.#connection ??= new SqliteConnection(this.#options);
    return this.#connection;
  }
}

/** The executor's handle, and the transactions on it. */
class SqliteConnection {
  readonly #driver: SqliteDriver;
  readonly #owned: boolean;
  readonly #session: SqliteSession;

  constructor({ connect, now }: SqliteExecutorOptions) {
    const { driver, owned } = connect();
    this.#driver = driver;
    this.#owned = owned;
    this.#session = new SqliteSession(driver, now);
    if (!owned) return;
    try {
      makeDurable(driver);
    } catch (error) {
      // Locked just now: the next try opens a new one.
      driver.close();
      throw error;
    }
  }

  transaction<T>(begin: 'begin' | 'begin immediate', script: () => Script<T>): T {
    if (this.#driver.inTransaction) throw new HandleInUse('another transaction is open');
    this.#session.text(begin).run([]);
    try {
      const result = this.#session.run(script());
      this.#session.text('commit').run([]);
      return result;
    } catch (error) {
      this.#rollBack(error);
      throw error;
    }
  }

  #rollBack(cause: unknown): void {
    // Some failures have rolled back already.
    if (!this.#driver.inTransaction) return;
    try {
      this.#session.text('rollback').run([]);
    } catch (error) {
      throw new AggregateError([cause, error], 'a transaction failed, and so did its rollback');
    }
  }

  close(): void {
    if (this.#owned && this.#driver.open) this.#driver.close();
  }
}

/** Acknowledged = on the disk, also when the power fails; and never wait inside the driver. */
export function makeDurable(driver: SqliteDriver): void {
  driver.pragma('busy_timeout = 0');
  const mode = driver.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') {
    const todo =
      'Put its file on a local disk: write-ahead logging does not work on network file systems.';
    const received = `a SQLite database that stays in journal mode "${mode}"`;
    throw new UnsupportedHandleError({ received, todo });
  }
  driver.pragma('synchronous = FULL');
}
