/** From a Prisma client to the driver below it, or to its own interactive transactions where there is no way below. */
import {
  type Connection,
  type ConnectionOptions,
  connectionOver,
  describeHandle,
  FILE,
  fileExecutor,
  isMySqlPool,
  isPgPool,
  LateExecutor,
  type MariaDbPool,
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
import { MySqlTransactions } from './mysql-transactions.js';
import { PrismaLink } from './prisma-link.js';
import { fileOf, loadDriver } from './sqlite-file.js';
import { SqliteTransactions } from './sqlite-transactions.js';
import { PostgresTransactions } from './transactions.js';

/** How the store gets to the database of a client. */
export interface PrismaConnectionOptions extends ConnectionOptions {
  /**
   * The pool that the client's adapter was made with. On PostgreSQL a `pg.Pool`, `new PrismaPg(pool)`, which may be absent;
   * on MySQL and MariaDB one of `mariadb`, `new PrismaMariaDb(pool)`, which has to be given.
   * @default none
   */
  readonly pool?: PgPool | MariaDbPool;
  /**
   * On SQLite: the class that `better-sqlite3` exports.
   * @default the one that `@prisma/adapter-better-sqlite3` uses
   */
  readonly sqlite?: SqliteDriverClass;
  /**
   * On SQLite: a second client on the same file, for `ctx.transaction` and nothing else. Without it `ctx.transaction` is
   * refused: other queries of the one client would get into its transaction.
   */
  readonly transactionClient?: PrismaClientLike;
  /** `provider` of the schema's `datasource`. @default what the client says */
  readonly provider?: PrismaProvider;
}

interface PrismaConnection extends Connection {
  /** Absent where the store takes no part in Prisma's transactions. */
  readonly transactions?: OrmTransactions;
}

/** The store's connection to the database of a Prisma client. */
export function connectionOf(value: unknown, given: PrismaConnectionOptions): PrismaConnection {
  const { pool, sqlite: Driver, transactionClient, provider: named, ...options } = given;
  const client = requireClient(value);
  const provider = requireProvider(client, named);
  switch (provider) {
    case 'sqlite':
      refusePool(pool);
      return {
        ...onFile(client, Driver ?? loadDriver(), options),
        transactions: new SqliteTransactions(secondClient(client, transactionClient), options.now),
      };
    case 'mysql':
      return {
        ...onMariaDbPool(pool, options),
        transactions: new MySqlTransactions(client, pool as MariaDbPool, options.now),
      };
    case 'postgresql':
      return {
        ...(pool === undefined ? throughClient(client, options) : onPgPool(pool, options)),
        transactions: new PostgresTransactions(client, options.now),
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

function onPgPool(pool: object, options: ConnectionOptions): Connection {
  if (isPgPool(pool)) return connectionOver(pool, options);
  throw new UnsupportedHandleError({
    received: `${describeHandle(pool)} as the pool of a PrismaClient on PostgreSQL`,
    todo: 'Pass the pg.Pool that the adapter was made with, new PrismaStateStore(prisma, { pool }), or none.',
  });
}

/** Not through the client: a commit there is several statements, and Prisma sends each as a prepared one. */
function onMariaDbPool(pool: object | undefined, options: ConnectionOptions): Connection {
  if (isMySqlPool(pool)) return connectionOver(pool, options);
  const isGiven = pool !== undefined;
  throw new UnsupportedHandleError({
    received: isGiven
      ? `${describeHandle(pool)} as the pool of a PrismaClient on MySQL or MariaDB`
      : 'a PrismaClient on MySQL or MariaDB without its pool',
    todo:
      "Make the pool yourself, const pool = createPool(url) of 'mariadb', " +
      'and pass it to both: new PrismaMariaDb(pool) and new PrismaStateStore(prisma, { pool }).',
  });
}

function refusePool(pool: object | undefined): void {
  if (pool === undefined) return;
  const todo = 'Pass no pool, or the client of the database that the pool is connected to.';
  throw new UnsupportedHandleError({ received: 'a pool beside a PrismaClient on SQLite', todo });
}

/** @throws UnsupportedHandleError for what is no client, or is the same one */
function secondClient(
  first: PrismaClientLike,
  second: PrismaClientLike | undefined,
): PrismaClientLike | undefined {
  if (second === undefined) return undefined;
  if (second !== first) return requireClient(second);
  const todo = 'Make another one, with an adapter of its own on the same file.';
  throw new UnsupportedHandleError({
    received: 'the same PrismaClient as transactionClient',
    todo,
  });
}
