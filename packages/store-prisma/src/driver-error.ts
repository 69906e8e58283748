/**
 * What the database said, out of what Prisma throws: an error with its `code`, as the driver has it (a SQLSTATE, or
 * `SQLITE_…`).
 */

/** The SQLSTATE of a failure of the connection: the outcome may be unknown. */
const CONNECTION_FAILURE = '08006';

/** The connection or Prisma's way to it has failed. */
export class ConnectionError extends Error {
  readonly code: string = CONNECTION_FAILURE;
}

/** A statement has failed. */
class StatementError extends Error {
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(cause.message.trim(), { cause });
    this.code = code;
  }
}

/**
 * Prisma's codes for what has no SQLSTATE, because it is not the server that speaks: no connection in time, a transaction
 * that Prisma could not begin or has ended itself.
 */
const CONNECTION_CODES = new Set(['P2024', 'P2028']);

/** The same of its driver adapters. */
const CONNECTION_KINDS = new Set([
  'AuthenticationFailed',
  'ConnectionClosed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
  'TransactionAlreadyClosed',
]);

/** The error as the driver would have thrown it; what does not come from the database is left as it is. */
export function toDriverError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StatementError) return error;
  const fromAdapter = adapterCause(error);
  const state = field(fromAdapter, 'originalCode');
  if (typeof state === 'string') return new StatementError(state, error);
  const isLost =
    isIn(CONNECTION_KINDS, field(fromAdapter, 'kind')) ||
    isIn(CONNECTION_CODES, field(error, 'code'));
  return isLost ? new ConnectionError(error.message.trim(), { cause: error }) : error;
}

/** What the adapter has understood of the driver's error. Errors of COMMIT come as the adapter has thrown them. */
function adapterCause(error: Error): unknown {
  if (error.name === 'DriverAdapterError') return error.cause;
  return field(field(field(error, 'meta'), 'driverAdapterError'), 'cause');
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, name);
}

function isIn(set: ReadonlySet<string>, value: unknown): boolean {
  return typeof value === 'string' && set.has(value);
}
