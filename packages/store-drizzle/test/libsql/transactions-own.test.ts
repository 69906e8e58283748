import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunRecord } from '@dudousxd/nestjs-durable-core';
import { createClient } from '@libsql/client';
import { drizzle } from 'drizzle-orm/libsql';
import { makeScratchFolder } from 'store-fixtures';
import { beforeEach, describe, expect, test } from 'vitest';
import { DrizzleStateStore, type DrizzleTransaction } from '../../src/index.js';
import { type LibSqlModules, loadModules } from '../../src/libsql/modules.js';
import { openLibSql, orders } from './fixtures.js';
import { claimed, newRun, transact } from './runs.js';

type Opened = ReturnType<typeof openLibSql>;
type Tx = DrizzleTransaction<Opened['db']>;

describe('ctx.transaction on a libSQL file', () => {
  let file: string;
  let opened: Opened;
  let run: RunRecord;

  beforeEach(async () => {
    const folder = await makeScratchFolder();
    file = join(folder, 'app.db');
    opened = openLibSql(file);
    await opened.client.execute('create table orders (id text primary key)');
    run = await claimed(opened.store);
    return async () => {
      await opened.store.close();
      opened.client.close();
      await rm(folder, { recursive: true });
    };
  });

  const ids = async () => (await opened.db.select().from(orders)).map(({ id }) => id);

  test('knows the schema of the application, and keeps its other queries out', async () => {
    const { db, store } = opened;
    const outcome = await transact<Tx>(store, run, async (tx) => {
      await tx.insert(orders).values({ id: 'a' });
      expect(await db.select().from(orders)).toEqual([]);
      return (await tx.query.orders.findFirst())?.id ?? '';
    });
    expect(outcome).toMatchObject({ outcome: 'committed', arrival: { body: { payload: 'a' } } });
    expect(await ids()).toEqual(['a']);
  });

  test('is durable, and as strict about foreign keys as the application', async () => {
    await transact<Tx>(opened.store, run, async (tx) => {
      const [synchronous] = await tx.all<{ synchronous: number }>('pragma synchronous');
      expect(synchronous).toEqual({ synchronous: 2 });
      const theirs = await opened.db.all('pragma foreign_keys');
      expect(await tx.all('pragma foreign_keys')).toEqual(theirs);
      return '1';
    });
  });

  test('waits for a transaction of the application, and is the same attempt', async () => {
    let bodies = 0;
    let begun = 0;
    const modules = loadModules();
    const libsql: LibSqlModules = {
      ...modules,
      createClient: (config) => {
        const client = modules.createClient(config);
        const transaction = client.transaction.bind(client);
        return Object.assign(client, {
          transaction: (mode: 'write') => {
            begun += 1;
            return transaction(mode);
          },
        });
      },
    };
    const store = new DrizzleStateStore(opened.db, { libsql });
    let outcome: Promise<unknown> = Promise.resolve();
    await opened.db.transaction(async (theirs) => {
      await theirs.insert(orders).values({ id: 'theirs' });
      outcome = transact<Tx>(store, run, async (tx) => {
        bodies += 1;
        await tx.insert(orders).values({ id: 'ours' });
        return String((await tx.select().from(orders)).length);
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(bodies).toBe(0);
    });
    expect(await outcome).toMatchObject({
      outcome: 'committed',
      arrival: { body: { payload: '2', attempt: 1 } },
    });
    expect(bodies).toBe(1);
    // A connection that finds the database locked is of no use any more.
    expect(begun).toBe(1);
    await store.close();
  });

  test('refuses a nested transaction that was not awaited, and goes on', async () => {
    const { store } = opened;
    let rest: Promise<unknown> | undefined;
    const broken = transact<Tx>(store, run, async (tx) => {
      rest = tx.transaction(async (nested) => {
        await nested.insert(orders).values({ id: 'half' });
        await new Promise((resolve) => setImmediate(resolve));
        await nested.insert(orders).values({ id: 'other half' });
      });
      rest.catch(() => undefined);
      return '1';
    });
    await expect(broken).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
    await expect(rest).rejects.toThrow();
    expect(await ids()).toEqual([]);
    expect(await transact(store, run, async () => '1')).toMatchObject({ outcome: 'committed' });
  });

  test('goes on after a body has ended its transaction by hand', async () => {
    const byHand = transact<Tx>(opened.store, run, async (tx) => {
      await tx.insert(orders).values({ id: 'lost' });
      await tx.run('rollback');
      return '1';
    });
    await expect(byHand).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
    const next = transact<Tx>(opened.store, run, async (tx) => {
      await tx.insert(orders).values({ id: 'kept' });
      return '1';
    });
    expect(await next).toMatchObject({ outcome: 'committed' });
    expect(await ids()).toEqual(['kept']);
  });

  test('is closed to whoever still has its tx', async () => {
    let stale: Tx | undefined;
    await transact<Tx>(opened.store, run, async (tx) => {
      stale = tx;
      return '1';
    });
    await expect(stale?.insert(orders).values({ id: 'a' })).rejects.toThrow();
    expect(() => opened.store.createRunsIn(stale, [])).toThrow(/one that has ended/);
    expect(await ids()).toEqual([]);
  });

  test('is rolled back when the store is closed in the middle of it', async () => {
    const begun = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const outcome = transact<Tx>(opened.store, run, async (tx) => {
      await tx.insert(orders).values({ id: 'a' });
      begun.resolve();
      await closed.promise;
      return '1';
    });
    outcome.catch(() => undefined);
    await begun.promise;
    await opened.store.close();
    // The lock is free.
    await opened.db.insert(orders).values({ id: 'b' });
    closed.resolve();
    await expect(outcome).rejects.toThrow();
    expect(await ids()).toEqual(['b']);
  });
});

describe('a transaction of the application', () => {
  test('of a client with BigInts takes a run with it, that of another database is refused', async () => {
    const folder = await makeScratchFolder();
    const client = createClient({ url: `file:${join(folder, 'app.db')}`, intMode: 'bigint' });
    const db = drizzle(client);
    const store = new DrizzleStateStore(db);
    await store.migrate();
    await db.transaction(async (tx) => {
      const [created] = await store.createRunsIn(tx, [newRun]);
      expect(created).toMatchObject({ outcome: 'created', run: { epoch: 0 } });
    });
    expect(await store.getRun(newRun.id)).toMatchObject({ epoch: 0 });
    const other = openLibSql(join(folder, 'other.db'));
    await other.db.transaction(async (tx) => {
      expect(() => store.createRunsIn(tx, [])).toThrow(/that of another database/);
    });
    other.client.close();
    await store.close();
    client.close();
    await rm(folder, { recursive: true });
  });
});
