import { MikroORM as MariaDbOrm } from '@mikro-orm/mariadb';
import { MikroORM as MySqlOrm } from '@mikro-orm/mysql';
import { MySqlDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { MikroOrmStateStore } from '../src/index.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MikroORM on MariaDB', () => {
  const primary = new MySqlDatabase(server ?? '');
  const replica = new MySqlDatabase(server ?? '');
  beforeAll(() => Promise.all([primary.create(), replica.create()]));
  afterAll(() => Promise.all([primary.drop(), replica.drop()]));

  test.each([
    ['@mikro-orm/mariadb', MariaDbOrm as unknown as typeof MySqlOrm],
    ['@mikro-orm/mysql', MySqlOrm],
  ])('of %s is used at its primary, for reads too, and stays open', async (_, Orm) => {
    const orm = new Orm({
      entities: [],
      discovery: { warnWhenNoEntities: false },
      clientUrl: primary.url,
      // A replica of the test: another database of the same server.
      replicas: [{ dbName: new URL(replica.url).pathname.slice(1) }],
      preferReadReplicas: true,
    });
    const store = new MikroOrmStateStore(orm.em);
    expect(store.capabilities).toMatchObject({
      ...{ durable: true, shared: true, writeLanes: 2, hints: false },
    });
    await store.migrate();
    expect((await store.listRuns({ namespace: 'default' }, 10, null)).runs).toEqual([]);
    await store.close();
    expect(await orm.isConnected()).toBe(true);
    await orm.close();
  });
});
