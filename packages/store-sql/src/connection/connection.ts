/** From a driver to the executor for it: what the adapters of all ORMs do once they have found the driver. */
import { UnsupportedHandleError } from '../errors.js';
import { isMySqlPool, type MySqlDriverPool } from '../mysql/driver.js';
import { MySqlExecutor } from '../mysql/mysql-executor.js';
import { isPgPool, type PgPool } from '../postgres/driver.js';
import { PoolLink } from '../postgres/link.js';
import { PostgresExecutor } from '../postgres/postgres-executor.js';
import type { SqlExecutor } from '../sql/executor.js';
import { isSqliteDriver, type SqliteDriver } from '../sqlite/driver.js';
import { fileOf } from '../sqlite/own-handle.js';
import { SqliteExecutor } from '../sqlite/sqlite-executor.js';
import type { SqlStateStoreOptions } from '../store/sql-state-store.js';

/** What the options of all stores have in common. */
export interface ConnectionOptions {
  /**
   * How long a call waits for a lock that another connection holds, in milliseconds; then it fails with
   * `StoreBusyError`.
   * @default 10000
   */
  readonly busyTimeoutMs?: number;
  /** The store's clock, in epoch milliseconds. For tests. @default the database's; on SQLite, Date.now */
  readonly now?: () => number;
}

/** The drivers that there are executors for. */
export type NativeDriver = SqliteDriver | PgPool | MySqlDriverPool;

/** How the drivers are called in messages. */
export const DRIVER_NAMES = 'better-sqlite3 and pools of node-postgres, mysql2 and mariadb';

/** What a store can do that depends on its database alone. */
type DatabaseCapabilities = SqlStateStoreOptions['capabilities'];

export interface Connection {
  readonly executor: SqlExecutor;
  readonly capabilities: DatabaseCapabilities;
}

/** The class that `better-sqlite3` exports. */
export type SqliteDriverClass = new (
  file: string,
  options: { readonly timeout: number; readonly fileMustExist: boolean },
) => SqliteDriver;

/** Of a PostgreSQL server. */
export const SERVER: DatabaseCapabilities = {
  durable: true,
  shared: true,
  writeLanes: 2,
  hints: true,
};
/** Of MySQL or MariaDB. */
export const MYSQL_SERVER: DatabaseCapabilities = { ...SERVER, hints: false };
/** Of a SQLite file, which has one writer. */
export const FILE: DatabaseCapabilities = {
  durable: true,
  shared: true,
  writeLanes: 1,
  hints: false,
};
/** Of a database that ends with its only handle. */
export const IN_MEMORY: DatabaseCapabilities = {
  durable: false,
  shared: false,
  writeLanes: 1,
  hints: false,
};

/** Whether there is an executor for the value. */
export function isNativeDriver(value: unknown): value is NativeDriver {
  return isPgPool(value) || isSqliteDriver(value) || isMySqlPool(value);
}

/**
 * The store's connection over a driver that the application has opened, and that stays the application's.
 *
 * A SQLite file is opened again, with the same driver class, at the first use; a database in memory is shared.
 *
 * @throws UnsupportedHandleError for a SQLite handle that is closed or read-only
 */
export function connectionOver(driver: NativeDriver, options: ConnectionOptions): Connection {
  if (isPgPool(driver)) {
    const connect = (timeoutMs: number) => new PoolLink(driver, timeoutMs);
    return {
      executor: new PostgresExecutor({ ...options, connect }),
      capabilities: SERVER,
    };
  }
  if (isSqliteDriver(driver)) return sqliteConnection(requireUsable(driver), options);
  return { executor: new MySqlExecutor({ ...options, pool: driver }), capabilities: MYSQL_SERVER };
}

function sqliteConnection(shared: SqliteDriver, options: ConnectionOptions): Connection {
  const file = fileOf(shared);
  if (file === '') {
    const connect = () => ({ driver: shared, owned: false });
    return { executor: new SqliteExecutor({ ...options, connect }), capabilities: IN_MEMORY };
  }
  const Driver = shared.constructor as SqliteDriverClass;
  return { executor: fileExecutor({ file, Driver }, options), capabilities: FILE };
}

/** Works on a handle of its own, which is opened at the first use. The file has to be there by then. */
export function fileExecutor(
  { file, Driver }: { readonly file: string; readonly Driver: SqliteDriverClass },
  options: ConnectionOptions,
): SqlExecutor {
  const connect = () => ({
    driver: new Driver(file, { timeout: 0, fileMustExist: true }),
    owned: true,
  });
  return new SqliteExecutor({ ...options, connect });
}

function requireUsable(driver: SqliteDriver): SqliteDriver {
  if (!driver.open) {
    const todo = 'Open it, and keep it open for as long as the store is used.';
    throw new UnsupportedHandleError({ received: 'a database that is closed', todo });
  }
  if (driver.readonly) {
    const todo = 'Open it without the option "readonly".';
    throw new UnsupportedHandleError({ received: 'a database that is opened read-only', todo });
  }
  return driver;
}

/** A few words for a value that was handed over in place of a handle. */
export function describeHandle(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const { name } = value.constructor ?? {};
  return name === undefined || name === 'Object' ? 'an object without a driver' : `a ${name}`;
}
