import type { SqliteDriver } from './driver.js';
import { makeDurable } from './sqlite-executor.js';

type DriverClass = new (
  file: string,
  options: { readonly timeout: number; readonly fileMustExist: boolean },
) => SqliteDriver;

/** Absolute path of the database file; empty for a database in memory or in a temporary file. */
export function fileOf(driver: SqliteDriver): string {
  const databases = driver.pragma('database_list') as readonly {
    readonly name: string;
    readonly file: string;
  }[];
  return databases.find(({ name }) => name === 'main')?.file ?? '';
}

/**
 * A second handle on a file, made with the same driver: durable, never waiting for locks, and as strict about foreign keys
 * as the application's own.
 */
export function openAgain(shared: SqliteDriver, file: string): SqliteDriver {
  const Driver = shared.constructor as DriverClass;
  const driver = new Driver(file, { timeout: 0, fileMustExist: true });
  try {
    setUpAgain(shared, driver);
    return driver;
  } catch (error) {
    driver.close();
    throw error;
  }
}

/** Makes a second handle on a file what `openAgain` promises: for ORMs that open it themselves. */
export function setUpAgain(shared: SqliteDriver, driver: SqliteDriver): void {
  makeDurable(driver);
  const isStrict = Number(shared.pragma('foreign_keys', { simple: true })) === 1;
  driver.pragma(`foreign_keys = ${isStrict ? 'ON' : 'OFF'}`);
}

/**
 * Makes the transaction that is open on the handle the one that may write, before anything else is done in it: a plain
 * BEGIN takes no lock, and its first write would fail when others have written since its first read.
 *
 * @throws with the code `SQLITE_BUSY…` when another connection writes
 */
export function takeWriteLock(driver: SqliteDriver): void {
  driver.exec('delete from durable_runs where false');
}
