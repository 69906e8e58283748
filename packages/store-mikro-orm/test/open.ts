import {
  type Configuration,
  defineEntity,
  type EntityManager,
  type MikroORM,
  p,
} from '@mikro-orm/core';
import { MariaDbDriver } from '@mikro-orm/mariadb';
import { MySqlDriver, MikroORM as MySqlOrm } from '@mikro-orm/mysql';
import { MikroORM as PostgresOrm } from '@mikro-orm/postgresql';
import {
  AbstractSqlDriver,
  SqliteConnection,
  type SqliteDriver,
  MikroORM as SqliteOrm,
  SqlitePlatform,
} from '@mikro-orm/sqlite';
import type Database from 'better-sqlite3';
import type { OpenMySqlOrm, OpenPostgresOrm, OpenSqliteOrm } from 'store-fixtures';
import { MikroOrmStateStore } from '../src/index.js';

const Order = defineEntity({ name: 'orders', properties: { id: p.text().primary() } });

/** MikroORM over that class of handles, instead of the one that it chooses itself. */
function driverOver(Driver: typeof Database): typeof SqliteDriver {
  class Connection extends SqliteConnection {
    override createKyselyDialect(options: Database.Options & { dbName?: string }) {
      const dialect = super.createKyselyDialect(options);
      const replaced = Reflect.get(this, 'database') as Database.Database;
      const database = new Driver(replaced.name, options);
      replaced.close();
      Reflect.set(this, 'database', database);
      const Dialect = dialect.constructor as new (config: object) => typeof dialect;
      return new Dialect({ database });
    }
  }
  class OwnDriver extends AbstractSqlDriver<SqliteConnection> {
    constructor(config: Configuration) {
      super(config, new SqlitePlatform(), Connection, ['kysely', 'better-sqlite3']);
    }
  }
  return OwnDriver as unknown as typeof SqliteDriver;
}

export const openSqlite: OpenSqliteOrm = async ({ file, Driver, now }) => {
  const orm = new SqliteOrm({ entities: [Order], dbName: file, driver: driverOver(Driver) });
  return {
    store: new MikroOrmStateStore(orm, { now }),
    close: () => orm.close(),
    ...transactionsOf(orm),
    execute: (tx: unknown, text: string) => (tx as typeof orm.em).execute(text),
  };
};

export const openPostgres: OpenPostgresOrm = async ({ connectionString, ...driverOptions }) => {
  const orm = new PostgresOrm({ entities: [Order], clientUrl: connectionString, driverOptions });
  const pool = await orm.em.getConnection().getNativeClient();
  return {
    pool,
    createStore: (options) => new MikroOrmStateStore(orm, options),
    close: () => orm.close(),
    ...transactionsOf(orm),
    execute: (tx: unknown, text: string) => (tx as typeof orm.em).execute(text),
  };
};

function transactionsOf(
  orm: Pick<MikroORM, 'em'>,
): Pick<
  Awaited<ReturnType<OpenPostgresOrm>>,
  'root' | 'synchronous' | 'begin' | 'nest' | 'insert'
> {
  return {
    root: orm.em,
    synchronous: false,
    begin: (work) => orm.em.fork().transactional(async (tx) => work(tx)),
    nest: (tx, work) => (tx as EntityManager).transactional((inner) => work(inner)),
    insert: async (tx, id) => {
      await (tx as EntityManager).insert(Order, { id });
    },
  };
}

export const openMariaDb: OpenMySqlOrm = (place) => openMySqlFamily(MariaDbDriver, place);

export const openMySql: OpenMySqlOrm = (place) => openMySqlFamily(MySqlDriver, place);

async function openMySqlFamily(
  driver: typeof MySqlDriver,
  { uri, connectionLimit }: Parameters<OpenMySqlOrm>[0],
) {
  const pool = { max: connectionLimit };
  const orm = new MySqlOrm({ driver, entities: [Order], clientUrl: uri, pool });
  return {
    pool: await orm.em.getConnection().getNativeClient(),
    createStore: (options: { readonly now?: () => number }) => new MikroOrmStateStore(orm, options),
    close: () => orm.close(),
    ...transactionsOf(orm),
    execute: (tx: unknown, text: string) => (tx as typeof orm.em).execute(text),
  };
}
