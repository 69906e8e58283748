import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { killOnSqlite, makeScratchFolder } from 'store-fixtures';
import { expect, test } from 'vitest';

test('kill -9 loses no transaction of a SQLite file, and none happens twice', {
  timeout: 120_000,
}, async () => {
  const folder = await makeScratchFolder();
  const file = join(folder, 'app.db');
  const database = new Database(file);
  database.exec('create table orders (id text primary key)');
  const expected = await killOnSqlite({
    child: join(import.meta.dirname, 'sqlite.child.ts'),
    packageDir: join(import.meta.dirname, '../..'),
    file,
    kills: Number(process.env.KILLS ?? 10),
  });
  const rows = database.prepare('select id from orders order by id').pluck().all();
  expect(rows).toEqual(expected);
  database.close();
  await rm(folder, { recursive: true });
});
