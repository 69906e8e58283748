/** From a Drizzle handle to the driver below it. Types are structural: Drizzle and the driver stay the application's. */
import type { StoreCapabilities } from '@dudousxd/nestjs-durable-core';
import {
  isPgPool,
  isSqliteDriver,
  type PgPool,
  PoolLink,
  PostgresExecutor,
  type SqlExecutor,
  type SqliteDriver,
  SqliteExecutor,
  type SqliteExecutorOptions,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';

/** What `drizzle()` of `drizzle-orm/better-sqlite3` returns, or that of `drizzle-orm/node-postgres` over a pool. */
export interface DrizzleDatabase {
  readonly $client: SqliteDriver | PgPool;
}

export interface Connection {
  readonly executor: SqlExecutor;
  readonly capabilities: StoreCapabilities;
}

type DriverClass = new (
  file: string,
  options: { readonly timeout: number; readonly fileMustExist: boolean },
) => SqliteDriver;

/** What the options of the stores have in common. */
type ConnectionOptions = Omit<SqliteExecutorOptions, 'connect'>;

const PASS_ROOT =
  "Pass the database that drizzle() of 'drizzle-orm/better-sqlite3' or 'drizzle-orm/node-postgres' returned: " +
  'new DrizzleStateStore(db).';

/** The store's connection to the database of a Drizzle handle. */
export function connectionOf(db: unknown, options: ConnectionOptions): Connection {
  const client = requireClient(db);
  if (!isPgPool(client)) return sqliteConnection(requireUsable(client), options);
  const capabilities = { durable: true, shared: true, writeLanes: 2 };
  return {
    executor: new PostgresExecutor({ ...options, connect: (ms) => new PoolLink(client, ms) }),
    capabilities,
  };
}

function sqliteConnection(shared: SqliteDriver, options: ConnectionOptions): Connection {
  const file = fileOf(shared);
  if (file === '') {
    const connect = () => ({ driver: shared, owned: false });
    const capabilities = { durable: false, shared: false, writeLanes: 1 };
    return { executor: new SqliteExecutor({ ...options, connect }), capabilities };
  }
  const Driver = shared.constructor as DriverClass;
  const connect = () => ({
    driver: new Driver(file, { timeout: 0, fileMustExist: true }),
    owned: true,
  });
  const capabilities = { durable: true, shared: true, writeLanes: 1 };
  return { executor: new SqliteExecutor({ ...options, connect }), capabilities };
}

function requireClient(db: unknown): SqliteDriver | PgPool {
  if (typeof db !== 'object' || db === null) {
    throw new UnsupportedHandleError({ received: describe(db), todo: PASS_ROOT });
  }
  const client = '$client' in db ? db.$client : undefined;
  if (client === undefined) throw refuseWithoutClient(db);
  if (isPgPool(client) || isSqliteDriver(client)) return client;
  const received = `a Drizzle database over ${describe(client)}`;
  const todo = `It supports better-sqlite3 and a Pool of node-postgres so far. ${PASS_ROOT}`;
  throw new UnsupportedHandleError({ received, todo });
}

function requireUsable(client: SqliteDriver): SqliteDriver {
  if (!client.open) {
    const todo = 'Open it, and keep it open for as long as the store is used.';
    throw new UnsupportedHandleError({ received: 'a database that is closed', todo });
  }
  if (client.readonly) {
    const todo = 'Open it without the option "readonly".';
    throw new UnsupportedHandleError({ received: 'a database that is opened read-only', todo });
  }
  return client;
}

function refuseWithoutClient(db: object): UnsupportedHandleError {
  const isTransaction = 'rollback' in db && typeof db.rollback === 'function';
  if (!isTransaction) {
    const received = isSqliteDriver(db) ? 'a bare better-sqlite3 handle' : describe(db);
    return new UnsupportedHandleError({ received, todo: PASS_ROOT });
  }
  const todo = `It would be gone when the transaction ends. ${PASS_ROOT}`;
  return new UnsupportedHandleError({ received: 'the handle of a transaction', todo });
}

/** Absolute path of the database file; empty for a database in memory or in a temporary file. */
function fileOf(driver: SqliteDriver): string {
  const databases = driver.pragma('database_list') as readonly {
    readonly name: string;
    readonly file: string;
  }[];
  return databases.find(({ name }) => name === 'main')?.file ?? '';
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const { name } = value.constructor ?? {};
  return name === undefined || name === 'Object' ? 'an object without a driver' : `a ${name}`;
}
