import { drizzle } from 'drizzle-orm/better-sqlite3';
import { drizzle as drizzleOnMySql } from 'drizzle-orm/mysql2';
import { drizzle as drizzleOnPostgres } from 'drizzle-orm/node-postgres';
import { pgTable, text as pgText } from 'drizzle-orm/pg-core';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { createPool } from 'mysql2';
import { Pool } from 'pg';
import type { OpenMySql, OpenPostgresOrm, OpenSqliteOrm } from 'store-fixtures';
import { DrizzleStateStore, type DrizzleTransaction } from '../src/index.js';

const orders = sqliteTable('orders', { id: text().primaryKey() });
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

export const openMySql: OpenMySql = (place) => {
  const pool = createPool(place);
  return {
    pool,
    createStore: (options) => new DrizzleStateStore(drizzleOnMySql(pool), options),
    close: () => pool.promise().end(),
  };
};
