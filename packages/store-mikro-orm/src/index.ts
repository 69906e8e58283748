export { durableTables } from '@dudousxd/nestjs-durable-store-sql';
export { MikroOrmStateStore, type MikroOrmStateStoreOptions } from './mikro-orm-state-store.js';
export type { MikroOrm, MikroOrmEntityManager } from './orm.js';
