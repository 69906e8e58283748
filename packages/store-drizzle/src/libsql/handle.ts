/**
 * A handle of `libsql` with the face and the manners of better-sqlite3. Where they differ:
 * - A BEGIN that finds the database locked stays unfinished when it is a prepared statement, and every later COMMIT of the
 *   handle is refused ("SQL statements in progress"). So what begins and ends a transaction is executed by text.
 * - `get` adds a column to its row, and `pragma` does not know `simple`.
 * - Asking a closed handle for its transaction aborts the process.
 * - One that is closed in a transaction keeps its locks until its statements are collected as garbage.
 * - Texts are read up to their first NUL.
 */
import type { Params, SqliteDriver, SqliteStatement } from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlNative, LibSqlNativeStatement } from './modules.js';

const BOUNDARY = /^(?:begin|commit|rollback)\b/i;
const NUL = '\0';

export class LibSqlHandle implements SqliteDriver {
  readonly memory = false;
  readonly readonly = false;
  readonly #native: LibSqlNative;

  constructor(native: LibSqlNative) {
    this.#native = native;
  }

  get open(): boolean {
    return this.#native.open;
  }

  get inTransaction(): boolean {
    return this.#native.open && this.#native.inTransaction;
  }

  prepare(sql: string): SqliteStatement {
    if (BOUNDARY.test(sql)) return new Boundary(this.#native, sql);
    return new Prepared(this.#native.prepare(sql));
  }

  exec(sql: string): unknown {
    return this.#native.exec(sql);
  }

  pragma(pragma: string, { simple = false }: { readonly simple?: boolean } = {}): unknown {
    const rows = this.#native.prepare(`pragma ${pragma}`).all([]);
    return simple ? Object.values(Object(rows[0]))[0] : rows;
  }

  close(): void {
    try {
      if (this.inTransaction) this.#native.exec('rollback');
    } finally {
      this.#native.close();
    }
  }
}

class Prepared implements SqliteStatement {
  readonly #native: LibSqlNativeStatement;

  constructor(native: LibSqlNativeStatement) {
    this.#native = native;
  }

  run(params: Params): { readonly changes: number } {
    return this.#native.run(withoutNul(params));
  }

  get(params: Params): unknown {
    return this.all(params)[0];
  }

  all(params: Params): unknown[] {
    return this.#native.all(withoutNul(params));
  }

  safeIntegers(toggle: boolean): void {
    this.#native.safeIntegers(toggle);
  }
}

/** BEGIN, COMMIT or ROLLBACK. */
class Boundary implements SqliteStatement {
  readonly #native: LibSqlNative;
  readonly #sql: string;

  constructor(native: LibSqlNative, sql: string) {
    this.#native = native;
    this.#sql = sql;
  }

  run(): { readonly changes: number } {
    this.#native.exec(this.#sql);
    return { changes: 0 };
  }

  get(): undefined {
    this.run();
  }

  all(): unknown[] {
    this.run();
    return [];
  }
}

/** @throws RangeError for a text that would come back as another */
export function withoutNul(params: Params): Params {
  for (const value of params) {
    if (typeof value === 'string' && value.includes(NUL)) {
      throw new RangeError('libSQL cannot give back a text with a NUL character (\\u0000)');
    }
  }
  return params;
}
