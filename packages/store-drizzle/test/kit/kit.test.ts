import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { makeScratchFolder } from 'store-fixtures';
import { DrizzleStateStore } from '../../src/index.js';
import { describeKit, type KitDatabase } from './kit-suite.js';

const ORDERS = `
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
export const orders = sqliteTable('orders', { id: text().primaryKey() });`;

const DESCRIBE = `
select m.name as t, c.name, concat_ws(' ', lower(c.type), iif(c.type like 'integer' and pk, 1, "notnull"), dflt_value, pk) as definition
from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and m.name like 'durable%'
union all
select m.name, i.name, concat_ws(' ', "unique", partial, (select group_concat(name) from pragma_index_info(i.name)))
from sqlite_master m, pragma_index_list(m.name) i where m.name like 'durable%' and origin = 'c'
order by 1, 2, 3`;

async function createDatabase(): Promise<KitDatabase> {
  const folder = await makeScratchFolder();
  const file = join(folder, 'app.db');
  const client = new Database(file);
  return {
    kit: { dialect: 'sqlite', url: file },
    module: 'sqlite',
    orders: ORDERS,
    createStore: () => new DrizzleStateStore(drizzle(client)),
    execute: async (sql) => {
      const statement = client.prepare(sql);
      return statement.reader ? statement.all() : [statement.run()];
    },
    describeTables: DESCRIBE,
    drop: () => {
      client.close();
      return rm(folder, { recursive: true });
    },
  };
}

describeKit('SQLite', createDatabase, 'with the filter');
