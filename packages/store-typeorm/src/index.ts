export type { TypeOrmDataSource } from './data-source.js';
export { TypeOrmStateStore, type TypeOrmStateStoreOptions } from './typeorm-state-store.js';
