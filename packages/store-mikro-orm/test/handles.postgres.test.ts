import { MikroORM } from '@mikro-orm/postgresql';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { MikroOrmStateStore } from '../src/index.js';

const server = inject('postgresUrl');
const COUNT_OURS = "select count(*)::int as n from pg_tables where tablename like 'durable_%'";

describe.skipIf(server === undefined)('MikroORM on PostgreSQL', () => {
  const primary = new PostgresDatabase(server ?? '');
  const replica = new PostgresDatabase(server ?? '');
  beforeAll(() => Promise.all([primary.create(), replica.create()]));
  afterAll(() => Promise.all([primary.drop(), replica.drop()]));

  test('with read replicas is used at its primary, for reads too, and stays open', async () => {
    const orm = new MikroORM({
      entities: [],
      discovery: { warnWhenNoEntities: false },
      clientUrl: primary.url,
      // A replica of the test: another database of the same server.
      replicas: [{ dbName: new URL(replica.url).pathname.slice(1) }],
      preferReadReplicas: true,
    });
    const store = new MikroOrmStateStore(orm.em);
    expect(store.capabilities).toMatchObject({ durable: true, shared: true });
    await store.migrate();
    expect((await store.listRuns({ namespace: 'default' }, 10, null)).runs).toEqual([]);
    expect(await primary.execute(COUNT_OURS)).toEqual([{ n: 11 }]);
    expect(await replica.execute(COUNT_OURS)).toEqual([{ n: 0 }]);
    await store.close();
    expect(await orm.isConnected()).toBe(true);
    await orm.close();
  });
});
