/** What the errors of MySQL, MariaDB and their drivers mean. All drivers give the server's number as `errno`. */

/** A statement was not answered in time: the connection is given up, and the outcome is unknown. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor(waitedMs: number) {
    super(`the database did not answer within ${waitedMs} ms`);
  }
}

/** The database would not take so large a statement. */
export class StatementTooLargeError extends Error {
  override readonly name = 'StatementTooLargeError';

  constructor({ bytes, limit }: { readonly bytes: number; readonly limit: number }) {
    super(
      `one row needs a statement of about ${bytes} bytes; the database takes ${limit}. ` +
        'Make max_allowed_packet larger on the server, or the payload smaller.',
    );
  }
}

interface ServerError {
  readonly errno: number;
  readonly sqlState: string;
}

function serverErrorOf(error: unknown): ServerError | undefined {
  if (typeof error !== 'object' || error === null || !('errno' in error)) return undefined;
  const { errno } = error;
  // Negative: the operating system's. From 45000 on: the mariadb driver's own.
  if (typeof errno !== 'number' || errno <= 0 || errno >= 45_000) return undefined;
  const state = 'sqlState' in error ? error.sqlState : undefined;
  return { errno, sqlState: typeof state === 'string' ? state.replace('#', '') : '' };
}

function hasNumber(error: unknown, numbers: ReadonlySet<number>): boolean {
  const server = serverErrorOf(error);
  return server !== undefined && numbers.has(server.errno);
}

/** Deadlock, rolled back by the cluster, changed since it was read: nothing was written, the same again may succeed. */
const RETRYABLE = new Set([1213, 1020, 3101]);

export function isRetryable(error: unknown): boolean {
  return hasNumber(error, RETRYABLE);
}

/** A lock was not had within `innodb_lock_wait_timeout` or `lock_wait_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return hasNumber(error, new Set([1205]));
}

/** What was asked for is not to be had while a transaction is open. */
export function isInTransaction(error: unknown): boolean {
  return hasNumber(error, new Set([1568]));
}

export function isDuplicateKey(error: unknown): boolean {
  return hasNumber(error, new Set([1062, 1586]));
}

/** Too long for its column, a bad value, too large for a row or the log, a JSON text that is none. */
const REFUSED = new Set([1118, 1153, 1264, 1301, 1366, 1406, 1713, 3140, 3141, 4037, 4038]);

export function isRefusal(error: unknown): boolean {
  if (error instanceof StatementTooLargeError) return true;
  const server = serverErrorOf(error);
  if (!server) return false;
  return REFUSED.has(server.errno) || /^2[23]/.test(server.sqlState);
}

/**
 * Resources, disk, shutdown, a killed query or connection, a statement's time limit, read-only, the cluster: whatever it
 * is asked.
 */
const UNAVAILABLE = new Set([
  ...[1021, 1030, 1034, 1037, 1038, 1040, 1041, 1042, 1043, 1047, 1053, 1077, 1078, 1079, 1080],
  ...[1114, 1129, 1135, 1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1180, 1184, 1194],
  ...[1195, 1203, 1205, 1226, 1290, 1317, 1792, 1836, 1927, 1969, 3024, 3032, 3168, 3169, 4031],
]);

/** mysql2's pool has no codes for its own errors. */
const POOL_MESSAGES = /^(Pool is closed|No connections available|Queue limit reached)/;

export function isUnavailable(error: unknown): boolean {
  if (error instanceof NoAnswerError) return true;
  // Every row that exceeds a packet does so again, though the server ends the connection by it.
  if (isRefusal(error)) return false;
  if (serverErrorOf(error)) return hasNumber(error, UNAVAILABLE) || isFatal(error);
  if (!(error instanceof Error)) return false;
  if (isFatal(error) || POOL_MESSAGES.test(error.message)) return true;
  // ECONNREFUSED, EPIPE and the like; mariadb's ER_SOCKET_…, ER_GET_CONNECTION_TIMEOUT, ER_POOL_…
  return 'code' in error && /^(E[A-Z]|PROTOCOL_)/.test(String(error.code));
}

/** The drivers mark what has ended the connection. */
function isFatal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'fatal' in error && error.fatal === true;
}
