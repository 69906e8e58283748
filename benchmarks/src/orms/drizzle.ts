import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle as drizzleOnSqlite } from 'drizzle-orm/better-sqlite3';
import { drizzle as drizzleOnMySql } from 'drizzle-orm/mysql2';
import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres';
import { createPool } from 'mysql2';
import { Pool } from 'pg';
import type { Openers, OpenStore } from './orm.js';

export const drizzle: Openers = {
  sqlite: onSqlite,
  postgres: onPostgres,
  mariadb: onMariaDb,
};

async function onSqlite(file: string): Promise<OpenStore> {
  const client = new Database(file);
  const store = new DrizzleStateStore(drizzleOnSqlite({ client }));
  return { store, close: async () => void client.close() };
}

async function onPostgres(url: string): Promise<OpenStore> {
  const pool = new Pool({ connectionString: url });
  const store = new DrizzleStateStore(drizzleOnPg(pool));
  return { store, close: () => pool.end() };
}

async function onMariaDb(url: string): Promise<OpenStore> {
  const pool = createPool(url);
  const store = new DrizzleStateStore(drizzleOnMySql({ client: pool }));
  return { store, close: () => pool.promise().end() };
}
