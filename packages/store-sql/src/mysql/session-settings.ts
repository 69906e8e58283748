/**
 * What a transaction of ours needs of its session: it is set before each one and put back after it, in whatever state the
 * application keeps its connections. Nothing here carries text of users, so that it may be sent before `sql_mode` is known.
 */
import type { MySqlDialect } from '../dialect/mysql.js';

/**
 * - `sql_mode`: texts are escaped with backslashes (no NO_BACKSLASH_ESCAPES), and what does not fit is an error.
 * - `innodb_lock_wait_timeout`: no wait for ever.
 * - `sql_select_limit` would cut answers, `sql_safe_updates` refuse updates.
 * - `unique_checks`: without them InnoDB may take a second row of a unique key.
 * - `completion_type`: a COMMIT ends the transaction, and begins no other one.
 * - `character_set_client`, `collation_connection`, `character_set_results`: whatever SET NAMES the application has sent,
 *   our texts arrive as the driver encodes them (see `server.ts`).
 */
const VARIABLES = [
  'sql_mode',
  'innodb_lock_wait_timeout',
  'sql_select_limit',
  'sql_safe_updates',
  'unique_checks',
  'completion_type',
  'character_set_client',
  'collation_connection',
  'character_set_results',
] as const;

const SAVED = VARIABLES.map((name) => `@durable_${name} = @@${name}`).join(', ');

/** Puts the session back as it was. */
export const RESTORE_SESSION = `set ${VARIABLES.map((name) => `${name} = @durable_${name}`).join(', ')}`;

/** Those of them that matter inside a transaction of the application's, and do not touch the transaction itself. */
const INSIDE = ['sql_mode', 'unique_checks', 'sql_select_limit'] as const;

const MODE = "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";
const NO_LIMIT = 'sql_select_limit = 18446744073709551615';

/** Saves the settings of an unusual session and makes ours, in the middle of a transaction. */
export const SET_INSIDE = `set ${INSIDE.map((name) => `@durable_${name} = @@${name}`).join(', ')}, ${MODE}, ${NO_LIMIT}, unique_checks = 1`;

/** Puts back what `SET_INSIDE` has changed. */
export const RESTORE_INSIDE = `set ${INSIDE.map((name) => `${name} = @durable_${name}`).join(', ')}`;

export interface TransactionKind {
  readonly isolation: 'READ-COMMITTED' | 'REPEATABLE-READ';
  readonly begin: 'start transaction read write' | 'start transaction read only';
}

/** Writes see in each statement what was committed before it. */
export const WRITES: TransactionKind = {
  isolation: 'READ-COMMITTED',
  // Whatever the session's default is.
  begin: 'start transaction read write',
};

/** Reads see one snapshot. */
export const READS: TransactionKind = {
  isolation: 'REPEATABLE-READ',
  begin: 'start transaction read only',
};

/** Saves the session's settings and makes ours. The isolation level is that of the next transaction alone. */
export function setSession(
  { family }: MySqlDialect,
  { isolation }: TransactionKind,
  lockWaitMs: number,
): string {
  const seconds = Math.max(1, Math.ceil(lockWaitMs / 1_000));
  return (
    `set ${SAVED}, ${MODE}, ` +
    `innodb_lock_wait_timeout = ${seconds}, ${NO_LIMIT}, sql_safe_updates = 0, ` +
    'unique_checks = 1, completion_type = 0, character_set_client = utf8mb4, ' +
    "collation_connection = 'utf8mb4_general_ci', character_set_results = utf8mb4, " +
    `@@${family.isolation} = '${isolation}'`
  );
}
