import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TransactionFixture } from '@dudousxd/nestjs-durable-testing';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { DrizzleStateStore, type DrizzleTransaction } from '../../src/index.js';
import { makeScratchFolder } from '../scratch.js';
import { StatementGate } from '../statement-gate.js';

const orders = sqliteTable('orders', { id: text().primaryKey() });

/** Drizzle on a SQLite file, or on the one handle of a database in memory. */
export async function createSqliteTransactions(inMemory = false): Promise<TransactionFixture> {
  const folder = await makeScratchFolder();
  const file = inMemory ? ':memory:' : join(folder, 'app.db');
  const gate = new StatementGate();
  const client = inMemory ? new Database(file) : gate.open(file);
  client.exec('create table orders (id text primary key)');
  const db = drizzle(client, { schema: { orders } });
  type Tx = DrizzleTransaction<typeof db>;
  const stores = [new DrizzleStateStore(db)];
  const [store] = stores;
  if (!store) throw new Error('no store');
  return {
    store,
    secondStore: async () => {
      if (inMemory) return store;
      const second = new DrizzleStateStore(drizzle(new Database(file)));
      stores.push(second);
      return second;
    },
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
    rows: async () =>
      db
        .select()
        .from(orders)
        .all()
        .map(({ id }) => id)
        .sort(),
    ...(inMemory ? {} : { failAfterStatements: (n: number) => gate.failAfter(n) }),
    dispose: async () => {
      for (const opened of stores) await opened.close();
      client.close();
      await rm(folder, { recursive: true });
    },
  };
}
