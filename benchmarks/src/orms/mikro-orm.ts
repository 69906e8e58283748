import { MikroOrmStateStore } from '@dudousxd/nestjs-durable-store-mikro-orm';
import { MikroORM as MariaDbOrm } from '@mikro-orm/mariadb';
import { MikroORM as PostgresOrm } from '@mikro-orm/postgresql';
import { MikroORM as SqliteOrm } from '@mikro-orm/sqlite';
import type { Openers, OpenStore } from './orm.js';

export const mikroOrm: Openers = {
  sqlite: async (dbName) => opened(new SqliteOrm({ ...noEntities, dbName })),
  postgres: async (clientUrl) => opened(new PostgresOrm({ ...noEntities, clientUrl })),
  mariadb: async (clientUrl) => opened(new MariaDbOrm({ ...noEntities, clientUrl })),
};

/** MikroORM finds entities or refuses to start. */
const noEntities = { entities: [], discovery: { warnWhenNoEntities: false } };

function opened(orm: SqliteOrm | PostgresOrm | MariaDbOrm): OpenStore {
  return { store: new MikroOrmStateStore(orm), close: () => orm.close() };
}
