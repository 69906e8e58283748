/** What the store uses of a better-sqlite3 handle, by structure: the driver stays the application's dependency. */
import type { Params } from '../sql/statement.js';

/** A prepared statement of better-sqlite3. */
export interface SqliteStatement {
  run(params: Params): { readonly changes: number | bigint };
  get(params: Params): unknown;
  all(params: Params): unknown[];
  /** Whether integers come as BigInt. */
  safeIntegers?(toggle: boolean): unknown;
}

/** A better-sqlite3 `Database`. */
export interface SqliteDriver {
  readonly open: boolean;
  readonly inTransaction: boolean;
  readonly memory: boolean;
  readonly readonly: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  pragma(pragma: string, options?: { readonly simple?: boolean }): unknown;
  close(): unknown;
}

/** Whether a value has the shape of a better-sqlite3 handle. */
export function isSqliteDriver(value: unknown): value is SqliteDriver {
  if (typeof value !== 'object' || value === null) return false;
  const handle = value as Partial<Record<keyof SqliteDriver, unknown>>;
  const methods = [handle.prepare, handle.exec, handle.pragma, handle.close];
  return (
    methods.every((method) => typeof method === 'function') && typeof handle.open === 'boolean'
  );
}

/** Whether the error says that another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}

const BROKEN = [
  'BUSY',
  'LOCKED',
  'IOERR',
  'FULL',
  'READONLY',
  'CANTOPEN',
  'CORRUPT',
  'NOTADB',
  'NOMEM',
];

/** Whether the database as a whole cannot be worked with at the moment. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return BROKEN.some((name) => code.startsWith(`SQLITE_${name}`));
}

/** Whether the database or the driver will not take the values, now or later. */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  if (code.startsWith('SQLITE_CONSTRAINT')) return true;
  if (code === 'SQLITE_TOOBIG' || code === 'SQLITE_MISMATCH' || code === 'SQLITE_RANGE')
    return true;
  // What better-sqlite3 throws for values it cannot bind.
  return error instanceof TypeError || error instanceof RangeError;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
