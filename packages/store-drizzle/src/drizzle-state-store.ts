import {
  type ConnectionOptions,
  connectionOver,
  isPgPool,
  isSqliteDriver,
  type NativeDriver,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { type DrizzleDatabase, requireDriver } from './connection.js';
import { PostgresTransactions } from './postgres-transactions.js';
import { SqliteTransactions } from './sqlite-transactions.js';

/** See `ConnectionOptions`. */
export type DrizzleStateStoreOptions = ConnectionOptions;

/**
 * Keeps workflows in the database of a Drizzle handle.
 *
 * On a SQLite file the store opens a handle of its own beside Drizzle's, with the same driver, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. An in-memory or temporary database has only the one handle, which they share.
 *
 * On PostgreSQL the store works on clients of Drizzle's pool, one for each of its transactions, in the schema that their
 * `search_path` names; on MySQL and MariaDB the same, in the database that its connections use. The pool stays the
 * application's, which ends it after `close`.
 *
 * @example
 * ```ts
 * const onSqlite = new DrizzleStateStore(drizzle('app.db'));
 * const onPostgres = new DrizzleStateStore(drizzle(new Pool({ connectionString })));
 * const onMySql = new DrizzleStateStore(drizzle(createPool({ uri })));
 * ```
 */
export class DrizzleStateStore extends SqlStateStore {
  readonly #transactions: PostgresTransactions | SqliteTransactions | undefined;

  /**
   * @param db the handle that `drizzle()` returned; not the `tx` of a transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead
   */
  constructor(db: DrizzleDatabase, options: DrizzleStateStoreOptions = {}) {
    const driver = requireDriver(db);
    const { executor, capabilities } = connectionOver(driver, options);
    const transactions = transactionsOf(db, driver, options);
    super(executor, { name: 'drizzle', capabilities, ...(transactions && { transactions }) });
    this.#transactions = transactions;
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.#transactions instanceof SqliteTransactions) this.#transactions.close();
  }
}

/** Undefined on MySQL and MariaDB, where `ctx.transaction` is not supported yet. */
function transactionsOf(
  db: DrizzleDatabase,
  driver: NativeDriver,
  { now }: ConnectionOptions,
): PostgresTransactions | SqliteTransactions | undefined {
  if (isPgPool(driver)) return new PostgresTransactions(db, driver, now);
  return isSqliteDriver(driver) ? new SqliteTransactions(db, driver, now) : undefined;
}
