/** The modules below Drizzle on libSQL. */
import { createRequire } from 'node:module';
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlClient } from './client.js';

/** A statement of `libsql`. */
export interface LibSqlNativeStatement {
  run(params: readonly unknown[]): { readonly changes: number };
  all(params: readonly unknown[]): unknown[];
  safeIntegers(toggle: boolean): unknown;
}

/** A handle of `libsql`. */
export interface LibSqlNative {
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): LibSqlNativeStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

/** The class that `libsql` exports. */
interface LibSqlClass {
  new (file: string, options: { readonly timeout: number }): LibSqlNative;
  readonly SqliteError: new (...args: never) => Error;
}

/** What the store needs beside the client that it is given. */
export interface LibSqlModules {
  /** The default export of `libsql`, of the copy that `@libsql/client` uses. */
  readonly Database: LibSqlClass;
  /** Of `@libsql/client`. */
  readonly createClient: (config: {
    readonly url: string;
    readonly intMode: 'number' | 'bigint';
    readonly concurrency: number;
  }) => LibSqlClient;
}

/**
 * The modules that Drizzle uses. The application need not depend on `libsql`, so it is looked for from `@libsql/client`,
 * and that from `drizzle-orm`, which is a peer of this package.
 *
 * @throws UnsupportedHandleError where they cannot be loaded
 */
export function loadModules(): LibSqlModules {
  try {
    const here = createRequire(import.meta.url);
    const drizzle = createRequire(here.resolve('drizzle-orm/libsql'));
    const client = createRequire(drizzle.resolve('@libsql/client'));
    const { createClient } = drizzle('@libsql/client') as Pick<LibSqlModules, 'createClient'>;
    return { createClient, Database: client('libsql') as LibSqlClass };
  } catch (cause) {
    throw new UnsupportedHandleError({
      received: 'a libSQL database without the modules below it',
      todo:
        "'libsql' was not found through 'drizzle-orm' and '@libsql/client'. " +
        'Pass both: new DrizzleStateStore(db, { libsql: { Database, createClient } }), ' +
        "with import Database from 'libsql' and import { createClient } from '@libsql/client'.",
      cause,
    });
  }
}
