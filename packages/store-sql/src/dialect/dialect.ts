/**
 * What differs between databases, as data and small functions. Everything else is in the statements, which know no
 * database. Adding one is a file like `sqlite.ts` and an executor for its driver.
 */
import type { NewRun, Turn } from '@dudousxd/nestjs-durable-core';
import type { Params, Query, Statement } from '../sql/statement.js';

/**
 * Kinds of columns. `id` holds what users name, up to 255 characters; `key` an id with what the engine puts around it, up
 * to 320; `short` the engine's own words, up to 128. `serial` is an integer that the database counts up; a number is
 * never used twice.
 */
export type ColumnKind = 'id' | 'key' | 'short' | 'text' | 'integer' | 'serial';

/** One statement with its parameters. */
export interface Call<Row> {
  readonly statement: Query<Row>;
  readonly params: Params;
}

/**
 * The verbs of the hot path as one statement each, for databases where one statement can write to several tables. What
 * is not among their answers has not been written, and is for the verb's script.
 */
interface HotPath {
  /** Ordinary turns (`isOrdinary`) of different runs. Answers with the places in the list of those that are written. */
  commit(turns: readonly Turn[], now: number | null): Call<{ readonly i: number }>;
  /** Runs that are due at once. Answers with the ids of those that are new, and when they were made. */
  createRuns(request: CreateRequest): Call<{ readonly id: string; readonly created_at: number }>;
  /**
   * A checkpoint, if its owner has the run, which is locked. Answers with the number of the message, null if there was one
   * before, and with nothing if the run has another owner.
   */
  checkpoint(request: CheckpointRequest): Call<{ readonly message: number | null }>;
}

/** The message that a transaction puts into its run's inbox, and the owner in whose name it does. */
export interface CheckpointRequest {
  readonly owner: Pick<Turn, 'runId' | 'branch' | 'worker' | 'epoch'>;
  readonly key: string;
  readonly body: string;
  readonly now: number;
}

/** `claim`: the worker whose they are from the start, or null. `now`: null = the database's clock. */
export interface CreateRequest {
  readonly runs: readonly NewRun[];
  readonly claim: string | null;
  readonly now: number | null;
}

export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mysql' | 'mariadb';
  /** The statement for one row of parameters. */
  textOf(statement: Statement): string;

  /** Null where every verb is a script of several statements. */
  readonly hotPath: HotPath | null;

  /** Column types. All texts are compared byte by byte; all but `text`, which holds payloads, fit into indexes. */
  readonly types: Readonly<Record<ColumnKind, string>>;
  /** End of each CREATE TABLE. */
  readonly tableOptions: string;
  /** The same, before that, where rows are narrow and always found by their primary key. */
  readonly clustered: string;
  /** Whether indexes are made within CREATE TABLE, because there is no CREATE INDEX IF NOT EXISTS. */
  readonly inlineIndexes: boolean;
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
  /**
   * Columns of a SELECT that have the database end the transaction if its client forgets it, so that the locks it holds are
   * not held for ever. Absent where that cannot be said inside a transaction.
   */
  readonly limitIdle?: string;
  /** Whether locks by name are rows of `durable_locks`. */
  readonly lockRows: boolean;
  /** A table that a locking SELECT joins without locking its rows. */
  readonly unlocked: (table: string) => string;
  /** Whether a locking SELECT locks every row that it sorts, and not only those that its LIMIT leaves. */
  readonly locksBeforeLimit: boolean;
  /** Whether GROUP BY goes from value to value along an index that FORCE INDEX names. */
  readonly skipScans: boolean;
  /**
   * Whether a savepoint is refused outside a transaction, and in one that has failed: then nothing has to be set at the
   * begin of a transaction to know at its end that it is whole.
   */
  readonly refusesStraySavepoints?: boolean;
  /**
   * Whether a savepoint outside a transaction is taken without an error, and means nothing: then only its use shows whether
   * a transaction is open.
   */
  readonly acceptsStraySavepoints?: boolean;
  /**
   * A statement after which a transaction of the store waits only briefly for a lock that others hold. Absent where nobody
   * holds the lock of a row.
   */
  readonly waitBriefly?: string;
  /** Whether the list of texts in a JSON column has a member that equals the next parameter. */
  readonly hasMember: (column: string) => string;
}
