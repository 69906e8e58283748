import { drizzle } from 'drizzle-orm/better-sqlite3';
import { drizzle as drizzleOnPostgres } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import type { OpenPostgres, OpenSqlite } from 'store-fixtures';
import { DrizzleStateStore } from '../src/index.js';

export const openSqlite: OpenSqlite = ({ file, Driver, now }) => {
  const client = new Driver(file);
  return {
    store: new DrizzleStateStore(drizzle(client), { now }),
    close: () => client.close(),
  };
};

export const openPostgres: OpenPostgres = (place) => {
  const pool = new Pool(place);
  return {
    pool,
    createStore: (options) => new DrizzleStateStore(drizzleOnPostgres(pool), options),
    close: () => pool.end(),
  };
};
