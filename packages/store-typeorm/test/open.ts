import type { Pool as MySqlPool } from 'mysql2';
import type { Pool } from 'pg';
import type { OpenMySqlOrm, OpenPostgresOrm, OpenSqliteOrm } from 'store-fixtures';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { TypeOrmStateStore } from '../src/index.js';

const Order = new EntitySchema<{ id: string }>({
  name: 'orders',
  columns: { id: { type: 'text', primary: true } },
});

export const openSqlite: OpenSqliteOrm = async ({ file, Driver, now }) => {
  const dataSource = new DataSource({
    ...{ type: 'better-sqlite3', database: file, driver: Driver, entities: [Order] },
  });
  await dataSource.initialize();
  return {
    store: new TypeOrmStateStore(dataSource, { now }),
    close: () => dataSource.destroy(),
    ...transactionsOf(dataSource),
  };
};

export const openPostgres: OpenPostgresOrm = async ({ connectionString, ...extra }) => {
  const dataSource = new DataSource({
    ...{ type: 'postgres', url: connectionString, extra, entities: [Order] },
  });
  await dataSource.initialize();
  const { master } = dataSource.driver as unknown as { readonly master: Pool };
  return {
    pool: master,
    createStore: (options) => new TypeOrmStateStore(dataSource, options),
    close: () => dataSource.destroy(),
    ...transactionsOf(dataSource),
  };
};

/** MySQL has no key over a text without a length. */
const MySqlOrder = new EntitySchema<{ id: string }>({
  name: 'orders',
  columns: { id: { type: 'varchar', length: 255, primary: true } },
});

function transactionsOf(
  dataSource: DataSource,
  Entity = Order,
): Pick<
  Awaited<ReturnType<OpenPostgresOrm>>,
  'root' | 'synchronous' | 'begin' | 'nest' | 'insert'
> {
  return {
    root: dataSource.manager,
    synchronous: false,
    begin: (work) => dataSource.transaction(async (tx) => work(tx)),
    nest: (tx, work) => (tx as EntityManager).transaction((inner) => work(inner)),
    insert: async (tx, id) => {
      await (tx as EntityManager).insert(Entity, { id });
    },
  };
}

/** @param type as applications write it; the server may be either's */
export function openMySqlAs(type: 'mysql' | 'mariadb'): OpenMySqlOrm {
  return async ({ uri, connectionLimit }) => {
    const dataSource = new DataSource({
      ...{ type, url: uri, poolSize: connectionLimit, entities: [MySqlOrder] },
    });
    await dataSource.initialize();
    const { pool } = dataSource.driver as unknown as { readonly pool: MySqlPool };
    return {
      pool,
      createStore: (options) => new TypeOrmStateStore(dataSource, options),
      close: () => dataSource.destroy(),
      ...transactionsOf(dataSource, MySqlOrder),
      execute: (tx, text) => (tx as EntityManager).query(text),
    };
  };
}
