/**
 * What the executor needs of a pool: `mysql2`'s with callbacks, the one of `mysql2/promise`, and that of `mariadb`. Types
 * are structural: the driver stays the application's.
 */
import { UnsupportedHandleError } from '../errors.js';
import type { SqlValue } from '../sql/statement.js';

export type Row = Readonly<Record<string, unknown>>;

/** Sends one statement as text. Values are escaped by the driver. Answers with the rows, if it has any. */
export type MySqlSend = (text: string, values?: readonly SqlValue[]) => Promise<readonly Row[]>;

/** A connection that a pool has lent, the same for all drivers. */
export interface MySqlConnection {
  /** The driver's own object: what is known of a connection is remembered by it. */
  readonly native: object;
  send: MySqlSend;
  /** Gives it back to the pool. */
  release(): Promise<void>;
  /** Closes it; the pool forgets it. */
  destroy(): void;
}

/** A pool, the same for all drivers. */
export interface MySqlPool {
  /** The application's. */
  readonly native: object;
  connect(): Promise<MySqlConnection>;
}

type ErrorListener = (error: unknown) => void;

interface Emitter {
  on(event: 'error', listener: ErrorListener): unknown;
  off(event: 'error', listener: ErrorListener): unknown;
}

/** How columns come back, whatever the application has set: integers as numbers, texts as strings, rows as objects. */
interface QueryOptions {
  readonly sql: string;
  readonly rowsAsArray: false;
  readonly nestTables: false;
  readonly namedPlaceholders: false;
  readonly supportBigNumbers: false;
}

interface Mysql2Query extends QueryOptions {
  readonly values?: readonly SqlValue[];
  readonly typeCast: true;
  readonly bigNumberStrings: false;
}

/** A column of an answer; the types are the protocol's. */
interface Mysql2Field {
  readonly name: string;
  readonly columnType?: number;
}

/** A connection of `mysql2`, with callbacks. */
export interface Mysql2Connection extends Emitter {
  query(
    query: Mysql2Query,
    callback: (error: unknown, answer: unknown, fields?: readonly Mysql2Field[]) => void,
  ): unknown;
  release(): void;
  destroy(): void;
}

/** `createPool()` of `mysql2`. */
export interface Mysql2Pool {
  getConnection(callback: (error: unknown, connection: unknown) => void): unknown;
  promise(): unknown;
}

/** `createPool()` of `mysql2/promise`. */
export interface Mysql2PromisePool {
  readonly pool: Mysql2Pool;
}

interface MariaDbQuery extends QueryOptions {
  readonly typeCast: null;
  readonly bigIntAsNumber: true;
  readonly insertIdAsNumber: true;
  readonly metaAsArray: false;
}

/** A connection of `mariadb`, with promises. */
export interface MariaDbConnection extends Emitter {
  query(query: MariaDbQuery, values?: readonly SqlValue[]): Promise<unknown>;
  release(): Promise<void>;
  destroy(): void;
}

/** `createPool()` of `mariadb`. */
export interface MariaDbPool {
  getConnection(): Promise<unknown>;
  activeConnections(): number;
}

/** A pool of a driver for MySQL and MariaDB. */
export type MySqlDriverPool = Mysql2Pool | Mysql2PromisePool | MariaDbPool;

/** Whether the value is a pool of one of the drivers, and not a single connection. */
export function isMySqlPool(value: unknown): value is MySqlDriverPool {
  return isMysql2PromisePool(value) || isMysql2Pool(value) || isMariaDbPool(value);
}

/** One face for the pools of all drivers. @throws UnsupportedHandleError for a pool that writes statements its own way */
export function toMySqlPool(pool: MySqlDriverPool): MySqlPool {
  if (isMariaDbPool(pool)) return fromMariaDb(pool);
  return fromMysql2(isMysql2PromisePool(pool) ? pool.pool : pool);
}

function isMysql2Pool(value: unknown): value is Mysql2Pool {
  // A single connection has no getConnection.
  return hasMethods(value, ['getConnection', 'promise']);
}

function isMysql2PromisePool(value: unknown): value is Mysql2PromisePool {
  return typeof value === 'object' && value !== null && 'pool' in value && isMysql2Pool(value.pool);
}

function isMariaDbPool(value: unknown): value is MariaDbPool {
  return hasMethods(value, ['getConnection', 'activeConnections']) && !isMysql2Pool(value);
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const object = value as Readonly<Record<string, unknown>>;
  return names.every((name) => typeof object[name] === 'function');
}

/** An error between two statements comes as an event, to whoever listens; the next statement fails by it. */
const ignore: ErrorListener = () => {};

/** What rows there are: an answer without rows is a record of counts. */
function rowsOf(answer: unknown): readonly Row[] {
  return Array.isArray(answer) ? (answer as readonly Row[]) : [];
}

const SHAPE = {
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  supportBigNumbers: false,
} as const;

function fromMysql2(pool: Mysql2Pool): MySqlPool {
  refuseOwnFormat(pool);
  return {
    native: pool,
    connect: () =>
      new Promise((resolve, reject) => {
        pool.getConnection((error, connection) => {
          if (error) reject(error);
          else resolve(lendMysql2(connection as Mysql2Connection));
        });
      }),
  };
}

/** A `queryFormat` of the application's knows nothing of our placeholders. */
function refuseOwnFormat(pool: object): void {
  const { config } = pool as {
    readonly config?: { readonly connectionConfig?: { readonly queryFormat?: unknown } };
  };
  if (typeof config?.connectionConfig?.queryFormat !== 'function') return;
  throw new UnsupportedHandleError({
    received: 'a pool of mysql2 with the option "queryFormat"',
    todo: 'Give the store a pool without it.',
  });
}

function lendMysql2(connection: Mysql2Connection): MySqlConnection {
  connection.on('error', ignore);
  return {
    native: connection,
    send: sendOverMysql2(connection),
    release: async () => {
      connection.off('error', ignore);
      connection.release();
    },
    destroy: () => connection.destroy(),
  };
}

/** Statements on one connection, whoever has it. */
export function sendOverMysql2(connection: Pick<Mysql2Connection, 'query'>): MySqlSend {
  return (sql, values) =>
    new Promise((resolve, reject) => {
      const query = { ...SHAPE, sql, typeCast: true, bigNumberStrings: false } as const;
      connection.query(values ? { ...query, values } : query, (error, answer, fields) => {
        if (error) reject(error);
        else resolve(withNumbers(rowsOf(answer), fields));
      });
    });
}

/** A value of an answer, as mysql2 gives it to `typeCast`. */
interface Mysql2Value {
  readonly type: string;
  string(): string | null;
}

/** The query of a text for mysql2, where what comes back is not the driver's own answer: for an ORM's raw queries. */
export function mysql2Query(sql: string): object {
  const typeCast = (value: Mysql2Value, next: () => unknown): unknown => {
    if (value.type !== 'LONGLONG') return next();
    const text = value.string();
    return text === null ? null : Number(text);
  };
  return { ...SHAPE, sql, typeCast, bigNumberStrings: false };
}

const BIGINT = 8;

/** A pool with `bigNumberStrings` gives big integers as strings, whatever a query asks for. Ours stay below 2^53. */
function withNumbers(rows: readonly Row[], fields: readonly Mysql2Field[] = []): readonly Row[] {
  const isText = (name: string): boolean =>
    typeof rows.find((row) => row[name] !== null)?.[name] === 'string';
  const names = fields.flatMap(({ name, columnType }) =>
    columnType === BIGINT && isText(name) ? [name] : [],
  );
  if (names.length === 0) return rows;
  return rows.map((row) => {
    const numbers = names.map((name) => [name, row[name] === null ? null : Number(row[name])]);
    return { ...row, ...Object.fromEntries(numbers) };
  });
}

function fromMariaDb(pool: MariaDbPool): MySqlPool {
  return {
    native: pool,
    connect: async () => lendMariaDb((await pool.getConnection()) as MariaDbConnection),
  };
}

function lendMariaDb(connection: MariaDbConnection): MySqlConnection {
  connection.on('error', ignore);
  return {
    native: connection,
    send: sendOverMariaDb(connection),
    release: async () => {
      connection.off('error', ignore);
      await connection.release();
    },
    destroy: () => connection.destroy(),
  };
}

/** Statements on one connection, whoever has it. */
export function sendOverMariaDb(connection: Pick<MariaDbConnection, 'query'>): MySqlSend {
  const form = {
    ...SHAPE,
    ...({
      typeCast: null,
      bigIntAsNumber: true,
      insertIdAsNumber: true,
      metaAsArray: false,
    } as const),
  };
  return async (sql, values) => rowsOf(await connection.query({ ...form, sql }, values));
}
