/** Settings of a server that break a promise of the store without breaking a statement. For a look when an application starts. */
import { connectWithin } from './bounded-connection.js';
import { type MySqlDriverPool, toMySqlPool } from './driver.js';

/** A setting that should be another. */
export interface UnsafeSetting {
  readonly name: string;
  readonly value: string;
  /** What it does to workflows, and what to set, as a sentence. */
  readonly advice: string;
}

const LOOK =
  'show global variables where variable_name in ' +
  "('innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'binlog_format', 'max_allowed_packet', 'version')";

/** Statements of the largest payload that the engine takes by default, escaped, beside others. */
const MIN_PACKET = 16 * 2 ** 20;
const CONNECT_MS = 30_000;

/** Looks at the server behind a pool. */
export async function unsafeMySqlSettings(
  pool: MySqlDriverPool,
): Promise<readonly UnsafeSetting[]> {
  const connection = await connectWithin(toMySqlPool(pool), CONNECT_MS);
  try {
    const rows = await connection.send(LOOK);
    // The names of the columns are in upper case on some servers.
    const settings = rows.map((row) => Object.values(row).map(String));
    return judgeSettings(new Map(settings.map(([name = '', value = '']) => [name, value])));
  } finally {
    await connection.release();
  }
}

/** Which of the settings are unsafe. */
export function judgeSettings(settings: ReadonlyMap<string, string>): readonly UnsafeSetting[] {
  const found: UnsafeSetting[] = [];
  const check = (name: string, isUnsafe: (value: string) => boolean, advice: string): void => {
    const value = settings.get(name);
    if (value !== undefined && isUnsafe(value)) found.push({ name, value, advice });
  };
  check('version', isTooOld, 'The store needs MySQL 8.0.19 or MariaDB 10.6.');
  check(
    'innodb_flush_log_at_trx_commit',
    (value) => value !== '1',
    'What has been acknowledged may be lost when the server or its machine dies. Set it to 1.',
  );
  check(
    'max_allowed_packet',
    (value) => Number(value) < MIN_PACKET,
    `Large payloads are refused, and their runs blocked. Set it to ${MIN_PACKET} or more.`,
  );
  if (settings.get('log_bin') !== 'ON') return found;
  check(
    'binlog_format',
    (value) => value === 'STATEMENT',
    'The server refuses every write at READ COMMITTED. Set it to ROW or MIXED.',
  );
  check(
    'sync_binlog',
    (value) => value !== '1',
    'What has been acknowledged may be lost when the machine loses its power. Set it to 1.',
  );
  return found;
}

function isTooOld(version: string): boolean {
  const numbers = version.split(/[.-]/).map(Number);
  const needed = /mariadb/i.test(version) ? [10, 6, 0] : [8, 0, 19];
  const at = needed.findIndex((number, i) => numbers[i] !== number);
  return at >= 0 && (numbers[at] ?? 0) < (needed[at] ?? 0);
}
