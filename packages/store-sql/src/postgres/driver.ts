/** What the executor needs of `pg`. Types are structural: the driver stays the application's. */

export interface PgResult {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
}

/** How a column comes back, by the OID of its type. */
interface PgTypes {
  getTypeParser(oid: number, format?: string): (value: string) => unknown;
}

/** A statement. Without a name, PostgreSQL plans it for these parameters. */
export interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
  readonly types?: PgTypes;
  /** Milliseconds, on the client's clock. */
  readonly query_timeout?: number | undefined;
}

type ErrorListener = (error: Error) => void;

/** Whatever takes statements one after the other, on one connection. */
export interface PgConnection {
  query(query: PgQuery): Promise<PgResult>;
}

/** A client that a pool has lent. */
export interface PgClient extends PgConnection {
  /** Gives it back; with an error or true, it is not used again. */
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: ErrorListener): unknown;
  /** As the server has said at the end of the last statement; `T` or `E` = a transaction is open. Not in older releases. */
  getTransactionStatus?(): string | null;
}

/** `pg.Pool`. */
export interface PgPool {
  connect(): Promise<PgClient>;
  on(event: 'error', listener: ErrorListener): unknown;
  /** Emitted before a client is lent, in one go with the end of the pool's own listening to it. */
  on(event: 'acquire', listener: (client: PgClient) => void): unknown;
  readonly totalCount: number;
}

/** The answer to one statement. */
export interface PgAnswer {
  readonly rows: readonly unknown[];
}

/** Sends one statement with its parameters. Integers come back as numbers, everything else as text or null. */
export type PgSend = (text: string, values?: unknown[]) => Promise<PgAnswer>;

/**
 * Statements on one client of `pg`.
 *
 * @param timeoutMs of one statement, on the client's clock; absent = none
 */
export function sendOver(client: PgConnection, timeoutMs?: number): PgSend {
  const limit = timeoutMs === undefined ? {} : { query_timeout: timeoutMs };
  return (text, values) => {
    const query = { text, types: plainTypes, ...limit };
    return client.query(values === undefined ? query : { ...query, values });
  };
}

/** Whether the value is a pool of `pg`, and not a single client. */
export function isPgPool(value: unknown): value is PgPool {
  if (typeof value !== 'object' || value === null) return false;
  if (!('connect' in value && 'on' in value && 'totalCount' in value)) return false;
  return typeof value.connect === 'function' && typeof value.totalCount === 'number';
}

/** int8, int2, int4. */
const INTEGER_OIDS = new Set([20, 21, 23]);

/** Integers are numbers (they stay below 2^53), everything else is text: whatever the application has set. */
export const plainTypes: PgTypes = {
  getTypeParser: (oid) => (INTEGER_OIDS.has(oid) ? Number : (value) => value),
};

/** The SQLSTATE of a server's error. */
function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** A serialization failure or a deadlock: nothing was written, and the same again may succeed. */
export function isRetryable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '40001' || state === '40P01';
}

/** A lock was not had within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === '55P03';
}

/** Data exceptions, constraints, and what is too large for an index or a row. */
const REFUSED = new Set(['22', '23', '54']);
/** Connection, resources, intervention by an operator or a timeout, the system, rolled back with no fault of ours. */
const UNAVAILABLE = new Set(['08', '40', '53', '55', '57', '58', 'XX']);

/** The connection may be gone, or in a transaction whose outcome nobody knows. */
export function isLost(error: unknown): boolean {
  return isUnavailable(error) && !isRetryable(error) && !isLockTimeout(error);
}

export function isRefusal(error: unknown): boolean {
  return REFUSED.has(sqlStateOf(error)?.slice(0, 2) ?? '');
}

/** pg's own errors have no code. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded|Cannot use a pool after)/;

export function isUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  // A standby that has taken the primary's address.
  if (state !== undefined) return UNAVAILABLE.has(state.slice(0, 2)) || state === '25006';
  if (!(error instanceof Error)) return false;
  // The system's: ECONNREFUSED, EPIPE and the like.
  if ('code' in error && String(error.code).startsWith('E')) return true;
  return CONNECTION_MESSAGES.test(error.message);
}
