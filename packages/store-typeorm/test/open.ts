import type { Pool } from 'pg';
import type { OpenPostgres, OpenSqlite } from 'store-fixtures';
import { DataSource } from 'typeorm';
import { TypeOrmStateStore } from '../src/index.js';

export const openSqlite: OpenSqlite = async ({ file, Driver, now }) => {
  const dataSource = new DataSource({ type: 'better-sqlite3', database: file, driver: Driver });
  await dataSource.initialize();
  return {
    store: new TypeOrmStateStore(dataSource, { now }),
    close: () => dataSource.destroy(),
  };
};

export const openPostgres: OpenPostgres = async ({ connectionString, ...extra }) => {
  const dataSource = new DataSource({ type: 'postgres', url: connectionString, extra });
  await dataSource.initialize();
  const { master } = dataSource.driver as unknown as { readonly master: Pool };
  return {
    pool: master,
    createStore: (options) => new TypeOrmStateStore(dataSource, options),
    close: () => dataSource.destroy(),
  };
};
