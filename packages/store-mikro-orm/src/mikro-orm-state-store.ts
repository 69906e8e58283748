import {
  type ConnectionOptions,
  type LateDriver,
  lateConnection,
  type Mysql2Pool,
  type PgPool,
  type SqliteDriver,
  SqlStateStore,
} from '@dudousxd/nestjs-durable-store-sql';
import { MySqlTransactions } from './mysql-transactions.js';
import { entityManagerOf, lateDriverOf, type MikroOrm, type MikroOrmEntityManager } from './orm.js';
import { PostgresTransactions } from './postgres-transactions.js';
import { SqliteTransactions } from './sqlite-transactions.js';
import type { TransactionalEntityManager } from './transaction-handle.js';

type Transactions = MySqlTransactions | PostgresTransactions | SqliteTransactions;

/** See `ConnectionOptions`. */
export type MikroOrmStateStoreOptions = ConnectionOptions;

/**
 * Keeps workflows in the database of MikroORM, on MikroORM's own connection, which is opened at the first use if it is not
 * open yet. The ORM stays the application's, which closes it after the engine has stopped.
 *
 * On PostgreSQL the store works on clients of MikroORM's pool, one for each of its transactions, in the schema that their
 * `search_path` names. Of an ORM with read replicas it uses the primary, for reads too.
 *
 * On MySQL and MariaDB it works on connections of MikroORM's pool, which go back as they came.
 *
 * On a SQLite file the store opens a handle of its own beside MikroORM's, with the same driver, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. `ctx.transaction` has another handle on the file, for the same reason. A database in
 * memory has only the one handle, which they share, and no `ctx.transaction`.
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
  readonly #transactions: Transactions | undefined;

  /**
   * @param handle the ORM, or an EntityManager of it that is in no transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead
   */
  constructor(handle: MikroOrm | MikroOrmEntityManager, options: MikroOrmStateStoreOptions = {}) {
    const late = lateDriverOf(handle);
    const { executor, capabilities } = lateConnection(late, options);
    const em = entityManagerOf(handle) as TransactionalEntityManager;
    // A database in memory ends with its only handle.
    const transactions = capabilities.durable ? transactionsOf(em, late, options.now) : undefined;
    super(executor, { name: 'mikro-orm', capabilities, ...(transactions && { transactions }) });
    this.#transactions = transactions;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#transactions?.close();
  }
}

function transactionsOf(
  em: TransactionalEntityManager,
  { dialect, connect }: LateDriver,
  now: (() => number) | undefined,
): Transactions {
  switch (dialect.name) {
    case 'postgres':
      return new PostgresTransactions(em, connect as () => Promise<PgPool>, now);
    case 'sqlite':
      return new SqliteTransactions(em, connect as () => Promise<SqliteDriver>, now);
    default:
      return new MySqlTransactions(em, connect as () => Promise<Mysql2Pool>, now);
  }
}
