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
    makeDurable(driver);
    const isStrict = Number(shared.pragma('foreign_keys', { simple: true })) === 1;
    driver.pragma(`foreign_keys = ${isStrict ? 'ON' : 'OFF'}`);
    return driver;
  } catch (error) {
    driver.close();
    throw error;
  }
}
