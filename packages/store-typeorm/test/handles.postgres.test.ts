import { PostgresDatabase } from 'store-fixtures';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';

const server = inject('postgresUrl');
const COUNT_OURS = "select count(*)::int as n from pg_tables where tablename like 'durable_%'";

describe.skipIf(server === undefined)('a DataSource on PostgreSQL', () => {
  const primary = new PostgresDatabase(server ?? '');
  const replica = new PostgresDatabase(server ?? '');
  beforeAll(() => Promise.all([primary.create(), replica.create()]));
  afterAll(() => Promise.all([primary.drop(), replica.drop()]));

  test('with replication is used at its master, for reads too, and stays open', async () => {
    const dataSource = new DataSource({
      type: 'postgres',
      replication: { master: { url: primary.url }, slaves: [{ url: replica.url }] },
    });
    const store = new TypeOrmStateStore(dataSource);
    expect(store.capabilities).toMatchObject({ durable: true, shared: true });
    await dataSource.initialize();
    await store.migrate();
    expect((await store.listRuns({ namespace: 'default' }, 10, null)).runs).toEqual([]);
    expect(await primary.execute(COUNT_OURS)).toEqual([{ n: 11 }]);
    expect(await replica.execute(COUNT_OURS)).toEqual([{ n: 0 }]);
    await store.close();
    expect(await dataSource.query('select 1 as one')).toEqual([{ one: 1 }]);
    await dataSource.destroy();
  });
});
