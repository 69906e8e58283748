/**
 * What differs between databases, as data and small functions. Everything else is in the statements, which know no
 * database. Adding one is a file like `sqlite.ts` and an executor for its driver.
 */
import type { Statement } from '../sql/statement.js';

/** Kinds of columns. `serial` is an integer that the database counts up; a number is never used twice. */
export type ColumnKind = 'id' | 'text' | 'integer' | 'serial';

export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mysql' | 'mariadb';
  /** The statement for one row of parameters. */
  textOf(statement: Statement): string;

  /** Column types. `id` is compared byte by byte, and short enough for an index; `text` holds payloads. */
  readonly types: Readonly<Record<ColumnKind, string>>;
  /** End of a CREATE TABLE whose rows are narrow and always found by their primary key. */
  readonly clustered: string;
  /** Whether an index can be limited to the rows where a column is not null. */
  readonly partialIndexes: boolean;
  /** Statements before the first look at the schema, so that two processes do not create it at once. */
  readonly lockSchema: readonly string[];
  /** A query whose rows are the `name`s of the tables that exist. */
  readonly listTables: string;

  /** End of a SELECT that locks the rows of `alias` until the end of the transaction. */
  readonly forUpdate: (alias: string) => string;
  /** The same, passing over rows that others have locked. */
  readonly forUpdateSkipLocked: (alias: string) => string;
  /** Whether the list of texts in a JSON column has a member that equals the next parameter. */
  readonly hasMember: (column: string) => string;
}
