export { mariadb, mysql, postgres, schemaSql, sqlite } from '@dudousxd/nestjs-durable-store-sql';
export type { DrizzleDatabase } from './connection.js';
export { DrizzleStateStore, type DrizzleStateStoreOptions } from './drizzle-state-store.js';
export type { DrizzleTransaction } from './drizzle-transaction.js';
