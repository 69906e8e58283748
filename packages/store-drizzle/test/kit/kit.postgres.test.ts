import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { DrizzleStateStore } from '../../src/index.js';
import { describeKit, type KitDatabase } from './kit-suite.js';

const server = inject('postgresUrl');

const ORDERS = `
import { pgTable, text } from 'drizzle-orm/pg-core';
export const orders = pgTable('orders', { id: text().primaryKey() });`;

const DESCRIBE = `
select table_name as t, column_name as name,
       concat_ws(' ', data_type, is_nullable, column_default, identity_generation, collation_name) as definition
from information_schema.columns where table_name like 'durable%'
union all
select tablename, indexname, indexdef from pg_indexes where tablename like 'durable%'
union all
select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
where conrelid::regclass::text like 'durable%' and contype <> 'n'
order by 1, 2, 3`;

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const create = async (): Promise<KitDatabase> => {
    const database = new PostgresDatabase(server ?? '');
    await database.create();
    const pool = new Pool({ connectionString: database.url });
    return {
      kit: { dialect: 'postgresql', url: database.url },
      module: 'postgres',
      orders: ORDERS,
      createStore: () => new DrizzleStateStore(drizzle(pool)),
      execute: async (sql) => (await pool.query(sql)).rows,
      repeats: /^ALTER TABLE "durable_\w+" ALTER COLUMN "\w+" SET DATA TYPE text collate "C";$/,
      describeTables: DESCRIBE,
      drop: async () => {
        await pool.end();
        await database.drop();
      },
    };
  };
  describeKit('PostgreSQL', create, 'with the module');
});
