import { TypeOrmStateStore } from '@dudousxd/nestjs-durable-store-typeorm';
import { DataSource } from 'typeorm';
import type { Openers, OpenStore } from './orm.js';

export const typeOrm: Openers = {
  sqlite: (database) => open(new DataSource({ type: 'better-sqlite3', database })),
  postgres: (url) => open(new DataSource({ type: 'postgres', url })),
  mariadb: (url) => open(new DataSource({ type: 'mariadb', url })),
};

async function open(dataSource: DataSource): Promise<OpenStore> {
  await dataSource.initialize();
  return { store: new TypeOrmStateStore(dataSource), close: () => dataSource.destroy() };
}
