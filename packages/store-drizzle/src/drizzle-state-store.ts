import {
  type Connection,
  type ConnectionOptions,
  connectionOver,
  isPgPool,
  isSqliteDriver,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { type DrizzleDatabase, requireDriver } from './connection.js';
import { isLibSqlClient } from './libsql/client.js';
import { libSqlConnection } from './libsql/libsql-connection.js';
import { LibSqlTransactions } from './libsql/libsql-transactions.js';
import type { LibSqlModules } from './libsql/modules.js';
import { MySqlTransactions } from './mysql-transactions.js';
import { PostgresTransactions } from './postgres-transactions.js';
import { SqliteTransactions } from './sqlite-transactions.js';

/** See `ConnectionOptions`. */
export interface DrizzleStateStoreOptions extends ConnectionOptions {
  /**
   * For `drizzle-orm/libsql` in an application that is bundled: the modules that its client is made of, where they cannot
   * be found beside `drizzle-orm`.
   * @default found through `drizzle-orm`
   */
  readonly libsql?: LibSqlModules;
}

/** Those of Drizzle on a driver. */
type Transactions =
  | MySqlTransactions
  | PostgresTransactions
  | SqliteTransactions
  | LibSqlTransactions;

/**
 * Keeps workflows in the database of a Drizzle handle.
 *
 * On a SQLite file, of better-sqlite3 or libSQL, the store opens a handle of its own beside Drizzle's, with the same
 * driver, in WAL mode and with `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's
 * transactions and the store's never get into each other. An in-memory or temporary database of better-sqlite3 has only the
 * one handle, which they share.
 *
 * On PostgreSQL the store works on clients of Drizzle's pool, one for each of its transactions, in the schema that their
 * `search_path` names; on MySQL and MariaDB the same, in the database that its connections use. The pool stays the
 * application's, which ends it after `close`.
 *
 * @example
 * ```ts
 * const onSqlite = new DrizzleStateStore(drizzle('app.db'));
 * const onLibSql = new DrizzleStateStore(drizzle('file:app.db'));
 * const onPostgres = new DrizzleStateStore(drizzle(new Pool({ connectionString })));
 * const onMySql = new DrizzleStateStore(drizzle(createPool({ uri })));
 * ```
 */
export class DrizzleStateStore extends SqlStateStore {
  readonly #transactions: Transactions;

  /**
   * @param db the handle that `drizzle()` returned; not the `tx` of a transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead. What cannot be seen from outside of a
   * libSQL client (in memory, a replica, encrypted) is refused at the first use.
   */
  constructor(db: DrizzleDatabase, options: DrizzleStateStoreOptions = {}) {
    const { executor, capabilities, transactions } = connect(db, options);
    super(executor, { name: 'drizzle', capabilities, transactions });
    this.#transactions = transactions;
  }

  override async close(): Promise<void> {
    await super.close();
    const transactions = this.#transactions;
    const isOpened =
      transactions instanceof SqliteTransactions || transactions instanceof LibSqlTransactions;
    if (isOpened) transactions.close();
  }
}

function connect(
  db: DrizzleDatabase,
  options: DrizzleStateStoreOptions,
): Connection & { readonly transactions: Transactions } {
  const driver = requireDriver(db);
  if (isLibSqlClient(driver)) return libSqlConnection(db, driver, options);
  const connection = connectionOver(driver, options);
  const { now } = options;
  if (isPgPool(driver)) {
    return { ...connection, transactions: new PostgresTransactions(db, driver, now) };
  }
  const transactions = isSqliteDriver(driver)
    ? new SqliteTransactions(db, driver, now)
    : new MySqlTransactions(db, driver, now);
  return { ...connection, transactions };
}
