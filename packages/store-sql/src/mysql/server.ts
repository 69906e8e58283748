/** What has to be known of a server and of a session before text of users is sent to it. */
import { mariadb } from '../dialect/mariadb.js';
import { type MySqlDialect, mysql } from '../dialect/mysql.js';
import { UnsupportedHandleError } from '../errors.js';
import type { MySqlConnection, MySqlSend } from './driver.js';

export interface Server {
  readonly dialect: MySqlDialect;
  /** The largest statement that it takes, in bytes. */
  readonly maxPacket: number;
}

const LOOK =
  'select version() as version, @@character_set_client as client, @@character_set_connection as literals, ' +
  '@@character_set_results as results, @@max_allowed_packet as max_packet, database() as name';

interface Look {
  readonly version: string;
  readonly client: string;
  /** What the server turns the texts of a statement into. */
  readonly literals: string;
  readonly results: string;
  readonly max_packet: number;
  readonly name: string | null;
}

/**
 * Per connection: an application may set one up otherwise than another, and a proxy lead them to different servers. Only
 * what a live connection keeps: the server behind it, and its largest packet, which a session cannot change. The character
 * set is the one that the driver has connected with, and so encodes by; what the application sets later is put right for
 * each transaction (`session-settings.ts`). A `USE` of another database on a connection of the pool is not noticed.
 */
const known = new WeakMap<object, Server>();

/** @throws UnsupportedHandleError for a session that would change our texts, or has no database */
export async function serverOf(connection: MySqlConnection): Promise<Server> {
  const before = known.get(connection.native);
  if (before) return before;
  const [row] = (await connection.send(LOOK)) as readonly unknown[] as readonly Look[];
  if (!row) throw new Error('the server did not say what it is');
  refuseUnusable(row);
  const server = serverIn(row);
  known.set(connection.native, server);
  return server;
}

/** A session of the application's, as it is at this moment. */
export interface SessionNow {
  readonly server: Server;
  /** Whether statements of ours mean there what they mean in a session of the store's. */
  readonly isUsual: boolean;
}

const LOOK_INSIDE =
  `${LOOK}, @@sql_mode as mode, @@unique_checks as uniques, ` +
  '@@sql_select_limit >= 9223372036854775807 as unlimited';

interface LookInside extends Look {
  readonly mode: string;
  readonly uniques: number;
  readonly unlimited: number;
}

/**
 * What there is to know inside a transaction of the application's. It reads no table: where the transaction has no snapshot
 * yet, it has none afterwards. Nothing is remembered, as the application may change its session at any time.
 *
 * @throws UnsupportedHandleError for a session that would change our texts, or has no database
 */
export async function sessionNow(send: MySqlSend): Promise<SessionNow> {
  const [row] = (await send(LOOK_INSIDE)) as readonly unknown[] as readonly LookInside[];
  if (!row) throw new Error('the server did not say what it is');
  refuseUnusable(row);
  const isStrict = /STRICT_(ALL|TRANS)_TABLES/.test(row.mode);
  const escapes = !row.mode.includes('NO_BACKSLASH_ESCAPES');
  const isUsual = isStrict && escapes && Number(row.uniques) === 1 && Number(row.unlimited) === 1;
  return { server: serverIn(row), isUsual };
}

function serverIn({ version, max_packet: maxPacket }: Look): Server {
  return { dialect: mysqlDialectOf(version), maxPacket: Number(maxPacket) };
}

/** A query for `version`, by which `mysqlDialectOf` tells MySQL from MariaDB. */
export const MYSQL_VERSION = 'select version() as version';

/** The dialect of a server that calls itself `version`: what an application calls it says nothing, the drivers serve both. */
export function mysqlDialectOf(version: string): MySqlDialect {
  return /mariadb/i.test(version) ? mariadb : mysql;
}

function refuseUnusable({ client, literals, results, name }: Look): void {
  const charset = [client, literals, results].find((it) => it !== 'utf8mb4');
  if (charset !== undefined) {
    const received = `a connection whose character set is ${charset}`;
    const todo = "Set the pool's option charset to utf8mb4: another one loses characters.";
    throw new UnsupportedHandleError({ received, todo });
  }
  if (name !== null) return;
  const todo = "Name one in the pool's options.";
  throw new UnsupportedHandleError({ received: 'a connection without a database', todo });
}
