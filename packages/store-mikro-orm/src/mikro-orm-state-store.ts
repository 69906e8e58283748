import {
  type ConnectionOptions,
  lateConnection,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { lateDriverOf, type MikroOrm, type MikroOrmEntityManager } from './orm.js';

/** See `ConnectionOptions`. */
export type MikroOrmStateStoreOptions = ConnectionOptions;

/**
 * Keeps workflows in the database of MikroORM, on MikroORM's own connection, which is opened at the first use if it is not
 * open yet. The ORM stays the application's, which closes it after the engine has stopped.
 *
 * On PostgreSQL the store works on clients of MikroORM's pool, one for each of its transactions, in the schema that their
 * `search_path` names. Of an ORM with read replicas it uses the primary, for reads too.
 *
 * On a SQLite file the store opens a handle of its own beside MikroORM's, with the same driver, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. A database in memory has only the one handle, which they share.
 *
 * MikroORM's schema generator drops tables that no entity describes, unless it is told which to leave alone:
 * `schemaGenerator: { skipTables: [...durableTables] }`.
 *
 * @example
 * ```ts
 * const orm = new MikroORM({ clientUrl, entities: [Order], schemaGenerator: { skipTables: [...durableTables] } });
 * const store = new MikroOrmStateStore(orm);
 * ```
 */
export class MikroOrmStateStore extends SqlStateStore {
  /**
   * @param handle the ORM, or an EntityManager of it that is in no transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead
   */
  constructor(handle: MikroOrm | MikroOrmEntityManager, options: MikroOrmStateStoreOptions = {}) {
    const { executor, capabilities } = lateConnection(lateDriverOf(handle), options);
    super(executor, { name: 'mikro-orm', capabilities });
  }
}
