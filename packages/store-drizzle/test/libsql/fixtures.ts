import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreFixture, TransactionFixture } from '@dudousxd/nestjs-durable-testing';
import { createClient } from '@libsql/client';
import { drizzle } from 'drizzle-orm/libsql';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { makeScratchFolder, StatementGate } from 'store-fixtures';
import {
  DrizzleStateStore,
  type DrizzleStateStoreOptions,
  type DrizzleTransaction,
} from '../../src/index.js';
import { gatedModules } from './gated-modules.js';

export const orders = sqliteTable('orders', { id: text().primaryKey() });

/** A client on a file, and a store on it. */
export function openLibSql(file: string, options: DrizzleStateStoreOptions = {}) {
  const client = createClient({ url: `file:${file}` });
  const db = drizzle(client, { schema: { orders } });
  return { client, db, store: new DrizzleStateStore(db, options) };
}

type Opened = ReturnType<typeof openLibSql>;
type Tx = DrizzleTransaction<Opened['db']>;

async function dispose(opened: readonly Opened[], folder: string): Promise<void> {
  for (const { store } of opened) await store.close();
  for (const { client } of opened) client.close();
  await rm(folder, { recursive: true });
}

/** As `createFileFixture`, on libSQL: no other SQLite of the process may open the file. */
export async function createLibSqlFixture(): Promise<StoreFixture> {
  const folder = await makeScratchFolder();
  const file = join(folder, 'app.db');
  const gate = new StatementGate();
  let at = 0;
  const now = (): number => at;
  const opened = [openLibSql(file, { now, libsql: gatedModules(gate) })];
  const [{ store }] = opened as [Opened];
  return {
    store,
    secondHandle: async () => {
      const second = openLibSql(file, { now });
      opened.push(second);
      return second.store;
    },
    setNow: (ms) => {
      at = ms;
    },
    failAfterStatements: (n) => gate.failAfter(n),
    dispose: () => dispose(opened, folder),
  };
}

/** As `createFileOrm`, on libSQL. */
export async function createLibSqlOrm(): Promise<TransactionFixture> {
  const folder = await makeScratchFolder();
  const file = join(folder, 'app.db');
  const gate = new StatementGate();
  const main = openLibSql(file, { libsql: gatedModules(gate) });
  const { db, client, store } = main;
  await client.execute('create table orders (id text primary key)');
  const opened = [main];
  return {
    ...{ store, root: db, synchronous: false, oneWriter: true },
    secondStore: async () => {
      const second = openLibSql(file);
      opened.push(second);
      return second.store;
    },
    begin: (work) => db.transaction(async (tx) => work(tx)),
    insert: async (tx, id) => {
      await (tx as Tx).insert(orders).values({ id });
    },
    rows: async () => (await db.select().from(orders)).map(({ id }) => id).sort(),
    failAfterStatements: (n) => gate.failAfter(n),
    loseCommit: () => gate.loseCommit(),
    dispose: () => dispose(opened, folder),
  };
}
