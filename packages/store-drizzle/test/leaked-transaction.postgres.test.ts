/** An application that gives a client back to the pool with its transaction still open, as after an error. */
import { inputDigest, type NewRun } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

function newRun(id: string): NewRun {
  return {
    id,
    namespace: 'n',
    workflow: 'wf',
    version: '1',
    input: '1',
    inputDigest: inputDigest('1'),
    seed: id,
    parent: null,
    tags: [],
    priority: 0,
    startAt: null,
    timeoutMs: null,
  };
}

describe.skipIf(server === undefined)('a client with an open transaction', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let store: DrizzleStateStore;

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

  async function leak(...more: readonly string[]): Promise<void> {
    const client = await pool.connect();
    for (const text of ['begin', "insert into orders values ('leaked')", ...more]) {
      await client.query(text).catch(() => undefined);
    }
    client.release();
  }

  async function orders(): Promise<number> {
    return (await pool.query('select id from orders')).rows.length;
  }

  test('is not written on: what is acknowledged survives its rollback', async () => {
    await leak();
    const created = await store.createRuns({ runs: [newRun('r1')], claim: null });
    expect(created).toMatchObject([{ outcome: 'created' }]);
    await pool.query('rollback');
    expect(await store.getRun('r1')).toMatchObject({ id: 'r1' });
    expect(await orders()).toBe(0);
  });

  test('is not committed by a transaction of the store', async () => {
    await leak();
    const message = { namespace: 'n', token: 't', id: 's', payload: '1', ttlMs: 60_000 };
    expect(await store.signal([message])).toMatchObject([{ outcome: 'accepted' }]);
    expect(await orders()).toBe(0);
  });

  test('that has failed is thrown away', async () => {
    await leak('select 1 / 0');
    expect(await store.getRun('none')).toBeUndefined();
  });

  test('whose end nobody has awaited is waited for', async () => {
    const client = await pool.connect();
    await client.query("begin; insert into orders values ('kept')");
    client.query('commit').catch(() => undefined);
    client.release();
    await store.createRuns({ runs: [newRun('r2')], claim: null });
    expect(await orders()).toBe(1);
  });
});
