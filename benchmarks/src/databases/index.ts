import type { BenchDatabase, DatabaseKind } from './database.js';
import { mariadb } from './mariadb.js';
import { postgres } from './postgres.js';
import { sqlite } from './sqlite.js';

/** In the order of the tables. */
export const databases: readonly DatabaseKind[] = [postgres, mariadb, sqlite];

/** Gives a fresh database to the work, and drops it; does nothing where no server of this kind can be had. */
export async function onFreshDatabase<T>(
  kind: DatabaseKind,
  work: (database: BenchDatabase) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const database = await kind.open();
  if (database === undefined) return [];
  try {
    return await work(database);
  } finally {
    await database.remove();
  }
}
