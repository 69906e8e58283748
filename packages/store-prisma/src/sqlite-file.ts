/**
 * SQLite below a Prisma client. Prisma's adapter opens its own handle and shows it to nobody, so the store opens one
 * beside it, on the same file and with the same driver.
 */
import { createRequire } from 'node:module';
import { type SqliteDriverClass, UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import type { RawClient } from './client.js';

/**
 * Absolute path of the client's database file.
 *
 * @throws UnsupportedHandleError for a database in memory and for one of another machine
 */
export async function fileOf(client: RawClient): Promise<string> {
  const databases =
    await client.$queryRawUnsafe<
      readonly { readonly name: string; readonly file: string | null }[]
    >('pragma database_list');
  const file = databases.find(({ name }) => name === 'main')?.file;
  if (file) return file;
  throw new UnsupportedHandleError({
    received: 'a PrismaClient whose SQLite database is not a file of this machine',
    todo:
      "Give its adapter the path of a file, { url: 'file:./app.db' }; " +
      'where nothing has to last, use InMemoryStateStore.',
  });
}

const ADAPTER = '@prisma/adapter-better-sqlite3';

/**
 * The `better-sqlite3` that Prisma's adapter uses. The application need not depend on it, so it is looked for from the
 * adapter, which is a peer of this package.
 *
 * @throws UnsupportedHandleError where it cannot be loaded
 */
export function loadDriver(): SqliteDriverClass {
  try {
    const here = createRequire(import.meta.url);
    return createRequire(here.resolve(ADAPTER))('better-sqlite3') as SqliteDriverClass;
  } catch (cause) {
    throw new UnsupportedHandleError({
      received: 'a PrismaClient on SQLite without the driver below it',
      todo:
        `'better-sqlite3' was not found through '${ADAPTER}'. ` +
        "Pass it: new PrismaStateStore(prisma, { sqlite: Database }), with import Database from 'better-sqlite3'.",
      cause,
    });
  }
}
