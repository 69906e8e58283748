import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle as drizzleOnMySql } from 'drizzle-orm/mysql2';
import { drizzle as drizzleOnPostgres } from 'drizzle-orm/node-postgres';
import { pgTable, text as pgText } from 'drizzle-orm/pg-core';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { createPool } from 'mysql2';
import { Pool } from 'pg';
import type { OpenMySqlOrm, OpenPostgresOrm, OpenSqliteOrm } from 'store-fixtures';
import { DrizzleStateStore, type DrizzleTransaction } from '../src/index.js';

const orders = sqliteTable('orders', { id: text().primaryKey() });
const mysqlOrders = mysqlTable('orders', { id: varchar({ length: 255 }).primaryKey() });
const pgOrders = pgTable('orders', { id: pgText().primaryKey() });

export const openSqlite: OpenSqliteOrm = async ({ file, Driver, now }) => {
  const client = new Driver(file);
  const db = drizzle(client, { schema: { orders } });
  type Tx = DrizzleTransaction<typeof db>;
  return {
    store: new DrizzleStateStore(db, { now }),
    close: () => client.close(),
    root: db,
    synchronous: true,
    begin: async (work) => {
      let result: unknown;
      db.transaction((tx) => {
        result = work(tx);
      });
      return result as never;
    },
    insert: (tx, id) => {
      (tx as Tx).insert(orders).values({ id }).run();
    },
  };
};

export const openPostgres: OpenPostgresOrm = async (place) => {
  const pool = new Pool(place);
  const db = drizzleOnPostgres(pool, { schema: { pgOrders } });
  type Tx = DrizzleTransaction<typeof db>;
  return {
    pool,
    createStore: (options) => new DrizzleStateStore(db, options),
    close: () => pool.end(),
    root: db,
    synchronous: false,
    begin: (work) => db.transaction(async (tx) => work(tx)),
    nest: (tx, work) => (tx as Tx).transaction((inner) => work(inner)),
    insert: async (tx, id) => {
      await (tx as Tx).insert(pgOrders).values({ id });
    },
  };
};

export const openMySql: OpenMySqlOrm = (place) => openMySqlPool(createPool(place));

/** With another isolation level than the server's default. */
export function openMySqlAt(level: string): OpenMySqlOrm {
  return (place) => {
    const pool = createPool(place);
    pool.on('connection', (connection) => {
      connection.query(`set session transaction isolation level ${level}`);
    });
    return openMySqlPool(pool);
  };
}

async function openMySqlPool(pool: ReturnType<typeof createPool>) {
  const db = drizzleOnMySql(pool, { schema: { mysqlOrders }, mode: 'default' });
  type Tx = DrizzleTransaction<typeof db>;
  return {
    pool,
    createStore: (options: { readonly now?: () => number }) => new DrizzleStateStore(db, options),
    close: () => pool.promise().end(),
    root: db,
    synchronous: false,
    begin: <T>(work: (tx: unknown) => T | Promise<T>) => db.transaction(async (tx) => work(tx)),
    insert: async (tx: unknown, id: string) => {
      await (tx as Tx).insert(mysqlOrders).values({ id });
    },
    execute: async (tx: unknown, query: string) => (await (tx as Tx).execute(sql.raw(query)))[0],
    nest: <T>(tx: unknown, work: (inner: unknown) => Promise<T>) =>
      (tx as Tx).transaction((inner) => work(inner)),
  };
}
