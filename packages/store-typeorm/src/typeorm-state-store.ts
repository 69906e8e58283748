import {
  type ConnectionOptions,
  type LateDriver,
  lateConnection,
  type Mysql2Pool,
  type OrmTransactions,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { lateDriverOf, type TypeOrmDataSource } from './data-source.js';
import { MySqlTransactions } from './mysql-transactions.js';
import { PostgresTransactions } from './postgres-transactions.js';
import { SqliteTransactions } from './sqlite-transactions.js';
import type { TransactionalDataSource } from './transaction-handle.js';

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
 * On MySQL and MariaDB it works on connections of the DataSource's pool, which go back as they came. There is no
 * DataSource with replication.
 *
 * On a SQLite file the store opens a handle of its own beside the DataSource's, with the same driver, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. `ctx.transaction` opens a second DataSource with the same options on the file, for the
 * same reason. A database in memory has only the one handle, which they share, and no `ctx.transaction`.
 *
 * @example
 * ```ts
 * const dataSource = new DataSource({ type: 'postgres', url, entities: [Order] });
 * const store = new TypeOrmStateStore(dataSource);
 * ```
 */
export class TypeOrmStateStore extends SqlStateStore {
  readonly #transactions: OrmTransactions | undefined;

  /**
   * @param dataSource not the EntityManager of a transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead. A DataSource that is not initialized by
   * then is refused with the same error at the first use
   */
  constructor(dataSource: TypeOrmDataSource, options: TypeOrmStateStoreOptions = {}) {
    const late = lateDriverOf(dataSource);
    const { executor, capabilities } = lateConnection(late, options);
    const source = dataSource as TransactionalDataSource;
    // A database in memory ends with its only handle.
    const transactions = capabilities.durable
      ? transactionsOf(source, late, options.now)
      : undefined;
    super(executor, { name: 'typeorm', capabilities, ...(transactions && { transactions }) });
    this.#transactions = transactions;
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.#transactions instanceof SqliteTransactions) await this.#transactions.close();
  }
}

function transactionsOf(
  source: TransactionalDataSource,
  { dialect, connect }: LateDriver,
  now: (() => number) | undefined,
): OrmTransactions {
  switch (dialect.name) {
    case 'postgres':
      return new PostgresTransactions(source, now);
    case 'sqlite':
      return new SqliteTransactions(source, now);
    default:
      return new MySqlTransactions(source, connect as () => Promise<Mysql2Pool>, now);
  }
}
