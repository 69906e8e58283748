/** From a Drizzle handle to the driver below it. Types are structural: Drizzle and the driver stay the application's. */
import {
  DRIVER_NAMES,
  describeHandle,
  isNativeDriver,
  isSqliteDriver,
  type NativeDriver,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';
import { isLibSqlClient, type LibSqlClient, requireLocal } from './libsql/client.js';

/**
 * What `drizzle()` of `drizzle-orm/better-sqlite3` or, over a file, of `drizzle-orm/libsql` returns, or that of
 * `drizzle-orm/node-postgres` or `drizzle-orm/mysql2` over a pool.
 */
export interface DrizzleDatabase {
  readonly $client: NativeDriver | LibSqlClient;
}

const PASS_ROOT =
  "Pass the database that drizzle() of 'drizzle-orm/better-sqlite3', 'drizzle-orm/libsql', " +
  "'drizzle-orm/node-postgres' or 'drizzle-orm/mysql2' returned: new DrizzleStateStore(db).";

/**
 * The driver of a Drizzle handle.
 *
 * @throws UnsupportedHandleError for anything else
 */
export function requireDriver(db: unknown): NativeDriver | LibSqlClient {
  if (typeof db !== 'object' || db === null) {
    throw new UnsupportedHandleError({ received: describeHandle(db), todo: PASS_ROOT });
  }
  const client = '$client' in db ? db.$client : undefined;
  if (client === undefined) throw refuseWithoutClient(db);
  if (isNativeDriver(client)) return client;
  if (isLibSqlClient(client)) return requireLocal(client);
  const received = `a Drizzle database over ${describeHandle(client)}`;
  throw new UnsupportedHandleError({
    received,
    todo: `It supports ${DRIVER_NAMES} so far, and files of @libsql/client. ${PASS_ROOT}`,
  });
}

function refuseWithoutClient(db: object): UnsupportedHandleError {
  const isTransaction = 'rollback' in db && typeof db.rollback === 'function';
  if (!isTransaction) {
    const received = isSqliteDriver(db) ? 'a bare better-sqlite3 handle' : describeHandle(db);
    return new UnsupportedHandleError({ received, todo: PASS_ROOT });
  }
  const todo = `It would be gone when the transaction ends. ${PASS_ROOT}`;
  return new UnsupportedHandleError({ received: 'the handle of a transaction', todo });
}
