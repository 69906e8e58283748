/** Prisma clients as an application makes them. */
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { PrismaPg } from '@prisma/adapter-pg';
import { createPool, type Pool as MariaDbPool } from 'mariadb';
import type { Pool } from 'pg';
import { PrismaClient as MySqlClient } from './generated/mysql/client.js';
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

export function mysqlClient(pool: MariaDbPool): MySqlClient {
  return new MySqlClient({ adapter: new PrismaMariaDb(pool) });
}

/** A pool of the driver that Prisma's adapter uses. */
export function mariaDbPool(url: string, connectionLimit = 4): MariaDbPool {
  const { hostname: host, port, username: user, password, pathname } = new URL(url);
  const database = pathname.slice(1);
  return createPool({ host, port: Number(port), user, password, database, connectionLimit });
}
