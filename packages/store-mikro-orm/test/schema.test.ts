import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SqliteDriver } from '@mikro-orm/sqlite';
import { makeScratchFolder } from 'store-fixtures';
import { describeSchema } from './schema-suite.js';

describeSchema('SQLite', async () => {
  const folder = await makeScratchFolder();
  return {
    options: { driver: SqliteDriver, dbName: join(folder, 'app.db') },
    listTables: "select name from sqlite_master where type = 'table'",
    drop: () => rm(folder, { recursive: true }),
  };
});
