import { randomUUID } from 'node:crypto';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';
import { describeDoctor } from './doctor-suite.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('the doctor on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  beforeAll(() => database.create());
  afterAll(() => database.drop());

  const openSchema = async () => {
    const schema = `clinic_${randomUUID().replaceAll('-', '')}`;
    const options = `-c search_path=${schema}`;
    const pool = new Pool({ connectionString: database.url, options, max: 10 });
    await pool.query(`create schema ${schema}`);
    return {
      pool,
      open: () => new DrizzleStateStore(drizzle(pool)),
      execute: async (sql: string) => void (await pool.query(sql)),
      dispose: () => pool.end(),
    };
  };
  describeDoctor(openSchema);

  test('finds an id with two rows, where the key has been dropped', async () => {
    const clinic = await openSchema();
    const store = clinic.open();
    await store.migrate();
    const run = { id: 'twin', namespace: 'n', workflow: 'w', version: '1', input: 'null' };
    const rest = { inputDigest: '', seed: 's', parent: null, tags: [], priority: 0 };
    await store.createRuns({
      runs: [{ ...run, ...rest, startAt: null, timeoutMs: null }],
      claim: null,
    });
    await clinic.execute('alter table durable_runs drop constraint durable_runs_pkey');
    await clinic.execute('insert into durable_runs select * from durable_runs');
    const { findings } = await store.doctor();
    expect(findings.map(({ what }) => what)).toContain('the id has more than one row');
    await clinic.dispose();
  });
});
