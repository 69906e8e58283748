import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import type { HintBus } from './hints.js';
import type { Script } from './script.js';
import type { Params, Query } from './statement.js';

/**
 * How a failed transaction has failed.
 * - `refused`: the database does not take the values (a constraint, a type, a size): it will refuse them again.
 * - `unavailable`: the database is locked, gone, full or broken, whatever it is asked. The outcome may be unknown.
 * - `other`: anything else. It may lie in the transaction, and it may work later.
 */
export type FailureKind = 'refused' | 'unavailable' | 'other';

/**
 * A connection to the database on which the store runs its transactions. One per driver, not per ORM. A lock that is
 * not had and a deadlock are the executor's to repeat, with the script from its start, for a bounded time; then it
 * raises `StoreBusyError`.
 */
export interface SqlExecutor {
  /** Known for certain within the executor's transactions; before the first, it may be a guess. */
  readonly dialect: Dialect;
  /** Runs the script in a transaction that may write. It is durable when the promise resolves; rejected = rolled back, or unknown. */
  write<T>(script: () => Script<T>): Promise<T>;
  /** Epoch milliseconds in place of the database's clock; null = the database's. */
  readonly clock: (() => number) | null;
  /** Runs one statement, which may write, as a transaction of its own. As durable as `write`. */
  statement<Row>(statement: Query<Row>, params: Params): Promise<readonly Row[]>;
  /** Runs the script on one snapshot. It must only read. */
  read<T>(script: () => Script<T>): Promise<T>;
  /**
   * As `write`, without waiting behind others for a connection, where that can be had: for what must not be late. The
   * script may run a second time when the outcome of the first is lost.
   */
  urgent<T>(script: () => Script<T>): Promise<T>;
  readonly hints: HintBus;
  /** What there is to object to in how the database is reached. */
  connectionFindings(): Promise<readonly SettingFinding[]>;
  classify(error: unknown): FailureKind;
  /** Releases what the executor has opened. */
  close(): Promise<void>;
}
