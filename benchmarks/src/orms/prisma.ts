import { PrismaStateStore } from '@dudousxd/nestjs-durable-store-prisma';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { PrismaPg } from '@prisma/adapter-pg';
import { createPool } from 'mariadb';
import { Pool } from 'pg';
import { PrismaClient as MySqlClient } from '../generated/mysql/client.js';
import { PrismaClient as PostgresClient } from '../generated/postgresql/client.js';
import { PrismaClient as SqliteClient } from '../generated/sqlite/client.js';
import type { Openers, OpenStore } from './orm.js';

export const prisma: Openers = {
  sqlite: onSqlite,
  postgres: onPostgres,
  mariadb: onMariaDb,
};

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

/** With the pool: there is no store on MariaDB without. */
async function onMariaDb(url: string): Promise<OpenStore> {
  const { hostname: host, port, username: user, password, pathname } = new URL(url);
  const pool = createPool({
    host,
    port: Number(port),
    user,
    password,
    database: pathname.slice(1),
  });
  const client = new MySqlClient({ adapter: new PrismaMariaDb(pool) });
  const close = async () => {
    await client.$disconnect();
    await pool.end();
  };
  return { store: new PrismaStateStore(client, { pool }), close };
}
