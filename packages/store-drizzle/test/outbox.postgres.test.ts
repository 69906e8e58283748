import type { SignalMessage } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

function message(id: string): SignalMessage {
  return { namespace: 'default', token: 't', id, payload: `"${id}"`, ttlMs: 3_600_000 };
}

describe.skipIf(server === undefined)('a sweep of the outbox', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  test('moves nothing that comes after what another sweep has', async () => {
    const db = drizzle(pool);
    const store = new DrizzleStateStore(db);
    await store.migrate();
    await db.transaction(async (tx) => store.signalIn(tx, ['a', 'b', 'c'].map(message)));
    const other = await pool.connect();
    await other.query(
      "begin; select id from durable_outbox where signal_id = 'b' for no key update",
    );
    expect(await store.sweepOutbox(10)).toMatchObject({ moved: 1 });
    expect(await store.sweepOutbox(10)).toMatchObject({ moved: 0 });
    await other.query('rollback');
    other.release();
    expect(await store.sweepOutbox(10)).toMatchObject({ moved: 2 });
    const line = await store.listSignals('default', 't');
    expect(line.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await store.close();
  });
});
