/** An operation of several statements that nobody has awaited. Prisma gives its connection back without waiting for it. */
import { Pool, type PoolClient } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { expect, inject, test } from 'vitest';
import { PostgresTransactions } from '../src/transactions.js';
import { postgresClient } from './clients.js';
import type { Prisma } from './generated/postgresql/client.js';

const server = inject('postgresUrl');

/** Resolves when a client of the pool has been asked to send a statement on the table. */
function sentOn(pool: Pool, table: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  pool.on('connect', (client: PoolClient) => {
    const query = client.query as (...args: unknown[]) => unknown;
    const watched = (...args: unknown[]): unknown => {
      const sent = Reflect.apply(query, client, args);
      if (String(Reflect.get(Object(args[0]), 'text')).includes(table)) resolve();
      return sent;
    };
    client.query = watched as typeof client.query;
  });
  return promise;
}

test.skipIf(server === undefined)(
  'the rest of an operation that nobody awaits is not written after the rollback',
  async () => {
    const database = new PostgresDatabase(server ?? '');
    await database.create();
    await database.execute('create table orders (id text primary key)');
    const pool = new Pool({ connectionString: database.url, max: 1 });
    const sent = sentOn(pool, 'orders');
    const prisma = postgresClient(pool);
    const transactions = new PostgresTransactions(prisma, undefined);
    let late: Promise<unknown> = Promise.resolve();
    const transaction = transactions.begin(async (tx) => {
      const { order } = tx as Prisma.TransactionClient;
      // Looks for the row first, and inserts it then.
      late = order.upsert({ where: { id: 'late' }, create: { id: 'late' }, update: {} });
      late.catch(() => undefined);
      await sent;
      throw new Error('changed my mind');
    });
    await expect(transaction).rejects.toThrow('changed my mind');
    await Promise.allSettled([late]);
    expect(await pool.query('select id from orders')).toMatchObject({ rows: [] });
    await prisma.$disconnect();
    await pool.end();
    await database.drop();
  },
);
