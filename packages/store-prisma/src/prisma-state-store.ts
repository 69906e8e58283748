import { SqlStateStore } from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaClientLike } from './client.js';
import { connectionOf, type PrismaConnectionOptions } from './connection.js';

/** See `PrismaConnectionOptions`. */
export type PrismaStateStoreOptions = PrismaConnectionOptions;

/**
 * Keeps workflows in the database of a Prisma client.
 *
 * On PostgreSQL the store works below Prisma, on clients of the application's pool: one for each of its transactions, in
 * the schema that their `search_path` names. The pool stays the application's, which ends it after `close`. Without the
 * pool the store works through the client, with interactive transactions and raw queries, which costs more CPU.
 *
 * On MySQL and MariaDB it works on connections of the application's pool of the driver `mariadb`, which has to be given.
 * They go back as they came. For `ctx.transaction`, and for `start` and `signal` in your transactions, it also looks at the
 * connections that the pool lends to Prisma.
 *
 * On SQLite the store opens a handle of its own beside Prisma's on the same file, in WAL mode and with
 * `synchronous = FULL`: what it acknowledges survives the loss of power, and the application's transactions and the
 * store's never get into each other. The client is asked for the file at the first use.
 *
 * @example
 * ```ts
 * const pool = new Pool({ connectionString });
 * const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
 * const store = new PrismaStateStore(prisma, { pool });
 * ```
 */
export class PrismaStateStore extends SqlStateStore {
  /**
   * @param prisma the application's client, also one that `$extends` returned; not the client of a transaction
   * @throws UnsupportedHandleError for anything else, with what to pass instead
   */
  constructor(prisma: PrismaClientLike, options: PrismaStateStoreOptions = {}) {
    const { executor, capabilities, transactions } = connectionOf(prisma, options);
    super(executor, { name: 'prisma', capabilities, ...(transactions && { transactions }) });
  }
}
