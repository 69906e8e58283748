import { MikroORM as PostgresOrm } from '@mikro-orm/postgresql';
import { MikroORM as SqliteOrm } from '@mikro-orm/sqlite';
import type { OpenPostgres, OpenSqlite } from 'store-fixtures';
import { MikroOrmStateStore } from '../src/index.js';

/** MikroORM finds entities or refuses to start. */
const noEntities = { entities: [], discovery: { warnWhenNoEntities: false } };

export const openSqlite: OpenSqlite = async ({ file, Driver, now }) => {
  const orm = new SqliteOrm({ ...noEntities, dbName: file });
  const driver = await orm.em.getConnection().getNativeClient();
  // MikroORM chooses the class itself. The store opens its own handle with this one.
  Object.defineProperty(driver, 'constructor', { value: Driver });
  return { store: new MikroOrmStateStore(orm, { now }), close: () => orm.close() };
};

export const openPostgres: OpenPostgres = async ({ connectionString, ...driverOptions }) => {
  const orm = new PostgresOrm({ ...noEntities, clientUrl: connectionString, driverOptions });
  const pool = await orm.em.getConnection().getNativeClient();
  return {
    pool,
    createStore: (options) => new MikroOrmStateStore(orm, options),
    close: () => orm.close(),
  };
};
