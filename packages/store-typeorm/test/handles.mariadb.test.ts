import { MySqlDatabase } from 'store-fixtures';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('a DataSource on MariaDB', () => {
  const database = new MySqlDatabase(server ?? '');
  beforeAll(() => database.create());
  afterAll(() => database.drop());

  test('stays open', async () => {
    const dataSource = new DataSource({ type: 'mariadb', url: database.url });
    const store = new TypeOrmStateStore(dataSource);
    expect(store.capabilities).toMatchObject({
      ...{ durable: true, shared: true, writeLanes: 2, hints: false },
    });
    await dataSource.initialize();
    await store.migrate();
    await store.close();
    expect(await dataSource.query('select count(*) as n from durable_runs')).toEqual([{ n: '0' }]);
    await dataSource.destroy();
  });

  test('with replication is refused at the first use', async () => {
    const dataSource = new DataSource({
      type: 'mariadb',
      replication: { master: { url: database.url }, slaves: [{ url: database.url }] },
    });
    await dataSource.initialize();
    const store = new TypeOrmStateStore(dataSource);
    await expect(store.migrate()).rejects.toThrow(/with replication.*second DataSource/);
    await store.close();
    await dataSource.destroy();
  });
});
