import { drizzle } from 'drizzle-orm/mysql2';
import { createPool } from 'mysql2';
import { MySqlDatabase } from 'store-fixtures';
import { DrizzleStateStore } from '../../src/index.js';
import type { KitDatabase } from './kit-suite.js';

const ORDERS = `
import { mysqlTable, varchar } from 'drizzle-orm/mysql-core';
export const orders = mysqlTable('orders', { id: varchar({ length: 64 }).primaryKey() });`;

const DESCRIBE = `
select table_name as t, column_name as name,
       concat_ws(' ', column_type, is_nullable, column_default, extra, character_set_name, collation_name) as definition
from information_schema.columns where table_schema = database() and table_name like 'durable%'
union all
select table_name, index_name, concat_ws(' ', seq_in_index, column_name, non_unique, index_type)
from information_schema.statistics where table_schema = database() and table_name like 'durable%'
union all
select table_name, engine, row_format
from information_schema.tables where table_schema = database() and table_name like 'durable%'
order by 1, 2, 3`;

/** An empty database on a server of the family. */
export async function createMySqlKit(
  server: string,
  module: 'mysql' | 'mariadb',
): Promise<KitDatabase> {
  const database = new MySqlDatabase(server);
  await database.create();
  const pool = createPool(database.url);
  return {
    kit: { dialect: 'mysql', url: database.url },
    module,
    orders: ORDERS,
    createStore: () => new DrizzleStateStore(drizzle(pool)),
    execute: async (sql) => (await pool.promise().query(sql))[0] as readonly unknown[],
    describeTables: DESCRIBE,
    drop: async () => {
      await pool.promise().end();
      await database.drop();
    },
  };
}
