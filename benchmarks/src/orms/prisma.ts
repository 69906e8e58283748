import { PrismaStateStore } from '@dudousxd/nestjs-durable-store-prisma';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { PrismaClient as PostgresClient } from '../generated/postgresql/client.js';
import { PrismaClient as SqliteClient } from '../generated/sqlite/client.js';
import type { Openers, OpenStore } from './orm.js';

export const prisma: Openers = { sqlite: onSqlite, postgres: onPostgres };

async function onSqlite(file: string): Promise<OpenStore> {
  const client = new SqliteClient({ adapter: new PrismaBetterSqlite3({ url: `file:${file}` }) });
  return { store: new PrismaStateStore(client), close: () => client.$disconnect() };
}

/** With the pool, as the documentation says. */
async function onPostgres(connectionString: string): Promise<OpenStore> {
  const pool = new Pool({ connectionString });
  const client = new PostgresClient({ adapter: new PrismaPg(pool) });
  const close = async () => {
    await client.$disconnect();
    await pool.end();
  };
  return { store: new PrismaStateStore(client, { pool }), close };
}
