/** From a Prisma client to the driver below it, or to its own interactive transactions where there is no way below. */
import {
  type Connection,
  type ConnectionOptions,
  connectionOver,
  describeHandle,
  FILE,
  fileExecutor,
  isPgPool,
  LateExecutor,
  type OrmTransactions,
  type PgPool,
  PostgresExecutor,
  SERVER,
  type SqliteDriverClass,
  sqlite,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';
import {
  type PrismaClientLike,
  type PrismaProvider,
  requireClient,
  requireProvider,
} from './client.js';
import { PrismaLink } from './prisma-link.js';
import { fileOf, loadDriver } from './sqlite-file.js';
import { postgresTransactions, sqliteTransactions } from './transactions.js';

/** How the store gets to the database of a client. */
export interface PrismaConnectionOptions extends ConnectionOptions {
  /** On PostgreSQL: the `pg.Pool` that the client's adapter was made with, `new PrismaPg(pool)`. @default none */
  readonly pool?: PgPool;
  /**
   * On SQLite: the class that `better-sqlite3` exports.
   * @default the one that `@prisma/adapter-better-sqlite3` uses
   */
  readonly sqlite?: SqliteDriverClass;
  /** `provider` of the schema's `datasource`. @default what the client says */
  readonly provider?: PrismaProvider;
}

interface PrismaConnection extends Connection {
  readonly transactions: OrmTransactions;
}

/** The store's connection to the database of a Prisma client. */
export function connectionOf(value: unknown, given: PrismaConnectionOptions): PrismaConnection {
  const { pool, sqlite: Driver, provider: named, ...options } = given;
  const client = requireClient(value);
  const provider = requireProvider(client, named);
  switch (provider) {
    case 'sqlite':
      refusePool(pool);
      return {
        ...onFile(client, Driver ?? loadDriver(), options),
        transactions: sqliteTransactions(client, options.now),
      };
    case 'postgresql':
      return {
        ...(pool === undefined ? throughClient(client, options) : onPool(pool, options)),
        transactions: postgresTransactions(client, options.now),
      };
    default:
      return provider satisfies never;
  }
}

function onFile(
  client: PrismaClientLike,
  Driver: SqliteDriverClass,
  options: ConnectionOptions,
): Connection {
  const executor = new LateExecutor({
    dialect: sqlite,
    clock: options.now ?? null,
    connect: async () => fileExecutor({ file: await fileOf(client), Driver }, options),
  });
  return { executor, capabilities: FILE };
}

function throughClient(client: PrismaClientLike, options: ConnectionOptions): Connection {
  const connect = (timeoutMs: number) => new PrismaLink(client, timeoutMs);
  const executor = new PostgresExecutor({ ...options, connect });
  return { executor, capabilities: { ...SERVER, hints: false } };
}

function onPool(pool: PgPool, options: ConnectionOptions): Connection {
  if (isPgPool(pool)) return connectionOver(pool, options);
  throw new UnsupportedHandleError({
    received: `${describeHandle(pool)} as the pool of a PrismaClient on PostgreSQL`,
    todo: 'Pass the pg.Pool that the adapter was made with, new PrismaStateStore(prisma, { pool }), or none.',
  });
}

function refusePool(pool: PgPool | undefined): void {
  if (pool === undefined) return;
  const todo = 'Pass no pool, or the client of the database that the pool is connected to.';
  throw new UnsupportedHandleError({ received: 'a pool beside a PrismaClient on SQLite', todo });
}
