import { Pool, type PoolConfig } from 'pg';
import type { OpenPostgres, OpenSqlite } from 'store-fixtures';
import { PrismaStateStore } from '../src/index.js';
import { postgresClient, sqliteClient } from './clients.js';

export const openSqlite: OpenSqlite = ({ file, Driver, now }) => {
  const prisma = sqliteClient(`file:${file}`);
  return {
    store: new PrismaStateStore(prisma, { now, sqlite: Driver }),
    close: () => prisma.$disconnect(),
  };
};

/** With the pool, as the store is to be used. */
export const openWithPool: OpenPostgres = (place) => openPostgres(place, true);

export const openWithoutPool: OpenPostgres = (place) => openPostgres(place, false);

function openPostgres(place: PoolConfig, givesPool: boolean) {
  const pool = new Pool(place);
  const prisma = postgresClient(pool);
  return {
    pool,
    createStore: ({ now }: { readonly now: () => number }) =>
      new PrismaStateStore(prisma, givesPool ? { now, pool } : { now }),
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
