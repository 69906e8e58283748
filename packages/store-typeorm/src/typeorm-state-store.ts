import {
  type ConnectionOptions,
  lateConnection,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { lateDriverOf, type TypeOrmDataSource } from './data-source.js';

/** See `ConnectionOptions`. */
export type TypeOrmStateStoreOptions = ConnectionOptions;

/**
 * Keeps workflows in the database of a TypeORM `DataSource`, on the DataSource's own connection. The DataSource may be
 * initialized after the store is made, and has to be before the application starts; it stays the application's, which
 * destroys it after the engine has stopped.
 *
 * On PostgreSQL the store works on clients of the DataSource's pool, one for each of its transactions, in the schema that
 * their `search_path` names. Of a DataSource with replication it uses the master, for reads too.
 *
 * On a SQLite file the store opens a handle of its own beside the DataSource's, with the same driver, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. A database in memory has only the one handle, which they share.
 *
 * @example
 * ```ts
 * const dataSource = new DataSource({ type: 'postgres', url, entities: [Order] });
 * const store = new TypeOrmStateStore(dataSource);
 * ```
 */
export class TypeOrmStateStore extends SqlStateStore {
  /**
   * @param dataSource not the EntityManager of a transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead. A DataSource that is not initialized by
   * then is refused with the same error at the first use
   */
  constructor(dataSource: TypeOrmDataSource, options: TypeOrmStateStoreOptions = {}) {
    const { executor, capabilities } = lateConnection(lateDriverOf(dataSource), options);
    super(executor, { name: 'typeorm', capabilities });
  }
}
