/** What the function of a `ctx.transaction` has not awaited, and does when it is over. */
import { inputDigest, type TransactionOutcome } from '@dudousxd/nestjs-durable-core';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore, type DrizzleTransaction } from '../src/index.js';

const server = inject('postgresUrl');
const orders = pgTable('orders', { id: text().primaryKey() });
type Tx = DrizzleTransaction<NodePgDatabase>;

describe.skipIf(server === undefined)('what a transaction leaves behind on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let store: DrizzleStateStore;
  let runs = 0;

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url, max: 1 });
    store = new DrizzleStateStore(drizzle(pool));
    await store.migrate();
    await pool.query('create table orders (id text primary key)');
  });
  afterAll(async () => {
    await store.close();
    await pool.end();
    await database.drop();
  });
  beforeEach(() => pool.query('delete from orders'));

  async function transact(work: (tx: Tx) => Promise<string>): Promise<TransactionOutcome> {
    runs += 1;
    const id = `r${runs}`;
    const run = {
      ...{ id, namespace: 'n', workflow: 'wf', version: '1', input: '1', seed: id, parent: null },
      ...{ inputDigest: inputDigest('1'), tags: [], priority: 0, startAt: null, timeoutMs: null },
    };
    await store.createRuns({ runs: [run], claim: 'w' });
    const owner = { runId: id, branch: 0, worker: 'w', epoch: 1 };
    return store.transaction(
      { ...owner, position: 1, name: 'pay', cause: 0, attempt: 1 },
      {
        ...{ startedAt: 1, now: Date.now, mayCommit: () => true, isAbandoned: () => false },
        work: (tx) => work(tx as Tx),
      },
    );
  }

  async function ids(): Promise<readonly string[]> {
    const { rows } = await pool.query('select id from orders order by id');
    return (rows as readonly { readonly id: string }[]).map(({ id }) => id);
  }

  test('a nested transaction that is still open: nothing is written', async () => {
    let nested: Promise<unknown> = Promise.resolve();
    const fail = Promise.withResolvers<never>();
    const outcome = transact(async (tx) => {
      await tx.insert(orders).values({ id: 'paid' });
      const begun = Promise.withResolvers<void>();
      nested = tx.transaction(async (inner) => {
        await inner.insert(orders).values({ id: 'optional' });
        begun.resolve();
        await fail.promise;
      });
      nested.catch(() => undefined);
      await begun.promise;
      return '1';
    });
    await expect(outcome).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
    fail.reject(new Error('too late'));
    await expect(nested).rejects.toThrow();
    expect(await ids()).toEqual([]);
  });

  test('a statement that comes after the end gets into no other transaction', async () => {
    const over = Promise.withResolvers<void>();
    let late: Promise<unknown> = Promise.resolve();
    const outcome = await transact(async (tx) => {
      late = over.promise.then(() => tx.insert(orders).values({ id: 'late' }));
      late.catch(() => undefined);
      await tx.insert(orders).values({ id: 'paid' });
      return '1';
    });
    expect(outcome).toMatchObject({ outcome: 'committed' });
    const other = await pool.connect();
    await other.query('begin');
    over.resolve();
    await expect(late).rejects.toThrow();
    await other.query('commit');
    other.release();
    expect(await ids()).toEqual(['paid']);
  });

  test('a statement that comes while it is rolled back is not written', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const outcome = transact(async (tx) => {
      late = tx
        .select()
        .from(orders)
        .then(() => tx.insert(orders).values({ id: 'late' }));
      late.catch(() => undefined);
      throw new Error('changed my mind');
    });
    await expect(outcome).rejects.toThrow('changed my mind');
    await expect(late).rejects.toThrow();
    expect(await ids()).toEqual([]);
  });

  test('a start that comes after the end is refused', async () => {
    const over = Promise.withResolvers<void>();
    let late: Promise<unknown> = Promise.resolve();
    await transact(async (tx) => {
      late = over.promise.then(() => store.signalIn(tx, []));
      late.catch(() => undefined);
      return '1';
    });
    over.resolve();
    await expect(late).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
  });
});
