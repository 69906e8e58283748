/** Prisma clients as an application makes them. */
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import { PrismaClient as PostgresClient } from './generated/postgresql/client.js';
import { PrismaClient as SqliteClient } from './generated/sqlite/client.js';

/** @param url as Prisma wants it: `file:` and a path, or `:memory:` */
export function sqliteClient(url: string): SqliteClient {
  return new SqliteClient({ adapter: new PrismaBetterSqlite3({ url }) });
}

/** @param schema of the models' tables, which Prisma names in its statements */
export function postgresClient(pool: Pool, schema = 'public'): PostgresClient {
  return new PostgresClient({ adapter: new PrismaPg(pool, { schema }) });
}
