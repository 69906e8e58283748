import { Pool } from 'pg';
import type { OpenMySqlOrm, OpenPostgresOrm, OpenSqliteOrm } from 'store-fixtures';
import { PrismaStateStore } from '../src/index.js';
import { mariaDbPool, mysqlClient, postgresClient, sqliteClient } from './clients.js';
import type { Prisma } from './generated/postgresql/client.js';

/** The clients' transactions, and one of their tables. They are the same type for each database. */
function ormOf(prisma: ReturnType<typeof postgresClient>) {
  return {
    root: prisma,
    synchronous: false,
    begin: <T>(work: (tx: unknown) => T | Promise<T>) =>
      prisma.$transaction(async (tx) => work(tx), { timeout: 60_000 }),
    nest: <T>(tx: unknown, work: (inner: unknown) => Promise<T>) =>
      (tx as typeof prisma).$transaction((inner) => work(inner)),
    insert: async (tx: unknown, id: string) => {
      await (tx as Prisma.TransactionClient).order.create({ data: { id } });
    },
  };
}

export const openSqlite: OpenSqliteOrm = async ({ file, Driver, now }) => {
  const prisma = sqliteClient(`file:${file}`);
  const transactionClient = sqliteClient(`file:${file}`);
  return {
    store: new PrismaStateStore(prisma, { now, sqlite: Driver, transactionClient }),
    close: async () => {
      await prisma.$disconnect();
      await transactionClient.$disconnect();
    },
    ...ormOf(prisma as unknown as ReturnType<typeof postgresClient>),
  };
};

/** With the pool, as the store is to be used. */
export const openPostgres: OpenPostgresOrm = (place) => openPrisma(place, true);

export const openWithoutPool: OpenPostgresOrm = (place) => openPrisma(place, false);

async function openPrisma(place: Parameters<OpenPostgresOrm>[0], givesPool: boolean) {
  const pool = new Pool(place);
  const prisma = postgresClient(pool, /search_path=(\w+)/.exec(place.options)?.[1]);
  return {
    pool,
    createStore: (options: { readonly now?: () => number }) =>
      new PrismaStateStore(prisma, givesPool ? { ...options, pool } : options),
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
    ...ormOf(prisma),
  };
}

export const openMySql: OpenMySqlOrm = async ({ uri, connectionLimit }) => {
  const pool = mariaDbPool(uri, connectionLimit);
  const prisma = mysqlClient(pool);
  return {
    pool,
    createStore: (options) => new PrismaStateStore(prisma, { ...options, pool }),
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
    ...ormOf(prisma as unknown as ReturnType<typeof postgresClient>),
    execute: async (tx, text) => (tx as Prisma.TransactionClient).$queryRawUnsafe(text),
  };
};
