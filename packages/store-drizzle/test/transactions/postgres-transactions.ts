import type { TransactionFixture } from '@dudousxd/nestjs-durable-testing';
import { drizzle } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import { DrizzleStateStore, type DrizzleTransaction } from '../../src/index.js';
import type { PostgresDatabase } from '../postgres-fixture.js';

const orders = pgTable('orders', { id: text().primaryKey() });

/** Drizzle on a schema of its own in a PostgreSQL database. */
export async function createPostgresTransactions(
  database: PostgresDatabase,
): Promise<TransactionFixture> {
  const place = await database.lend();
  const pool = place.pool(0);
  await pool.query('create table if not exists orders (id text collate "C" primary key)');
  const db = drizzle(pool, { schema: { orders } });
  type Tx = DrizzleTransaction<typeof db>;
  const stores = [new DrizzleStateStore(db)];
  const [store] = stores;
  if (!store) throw new Error('no store');
  return {
    store,
    secondStore: async () => {
      const second = new DrizzleStateStore(drizzle(place.pool(stores.length)));
      stores.push(second);
      return second;
    },
    root: db,
    synchronous: false,
    begin: (work) => db.transaction(async (tx) => work(tx)),
    insert: async (tx, id) => {
      await (tx as Tx).insert(orders).values({ id });
    },
    rows: async () => {
      const found = await db.select().from(orders).orderBy(orders.id);
      return found.map(({ id }) => id);
    },
    failAfterStatements: (n) => place.gate.failAfter(n),
    dispose: async () => {
      for (const opened of stores) await opened.close();
      await database.giveBack(place);
    },
  };
}
