import { query } from '../sql/statement.js';
import type { SettingRule, SettingRules, SettingValue } from './setting-rules.js';

/** Statements with the largest payload that the engine takes by default, escaped, and others beside it. */
const MIN_PACKET = 16 * 2 ** 20;

const NO_BINARY_LOG = 'no binary log';
/** What matters of the binary log only where there is one. */
const ofBinaryLog = (variable: string): string =>
  `if(@@global.log_bin, @@global.${variable}, '${NO_BINARY_LOG}')`;

const BY_BYTES = 'by bytes';

/** Columns of ours that may be keys, and that the server compares without regard to case. */
const CASELESS_KEYS =
  "select group_concat(concat(c.table_name, '.', c.column_name) order by 1 separator ', ') " +
  'from information_schema.columns c where c.table_schema = database() ' +
  "and left(c.table_name, 8) = 'durable_' and c.data_type = 'varchar' and right(c.collation_name, 3) = '_ci'";

const rules: readonly SettingRule[] = [
  {
    setting: 'innodb_flush_log_at_trx_commit',
    wanted: '1',
    accepts: (value) => value === '1',
    why: 'A commit is acknowledged before it is safe: after a crash of the server or its machine, steps that were recorded run again and accepted signals are gone.',
    how: 'Set innodb_flush_log_at_trx_commit = 1 on the server.',
  },
  {
    setting: 'sync_binlog',
    wanted: '1',
    accepts: (value) => value === '1' || value === NO_BINARY_LOG,
    why: 'What is not in the binary log is rolled back when the server starts again: after a loss of power, steps that were recorded run again and accepted signals are gone.',
    how: 'Set sync_binlog = 1 on the server.',
  },
  {
    setting: 'binlog_format',
    wanted: 'ROW or MIXED',
    accepts: (value) => value !== 'STATEMENT',
    why: 'The server refuses every write of the store: its transactions are READ COMMITTED.',
    how: 'Set binlog_format = ROW on the server.',
  },
  {
    setting: 'max_allowed_packet',
    wanted: `${MIN_PACKET} or more`,
    accepts: (value) => Number(value) >= MIN_PACKET,
    why: 'The server refuses large payloads, and the runs that have them become blocked.',
    how: `Set max_allowed_packet to ${MIN_PACKET} or more on the server.`,
  },
  {
    setting: 'read_only',
    wanted: '0',
    accepts: (value) => value === '0',
    why: 'Every write of the store is refused.',
    how: 'Connect to the primary.',
  },
  {
    setting: 'collation of keys',
    wanted: BY_BYTES,
    accepts: (value) => value === BY_BYTES,
    why: 'Ids that differ only by case or accents are taken for the same run, token or message. The value names the columns.',
    how: 'Create the tables with migrate() or with the text of schemaSql(); alter these columns to the collation that it gives them.',
  },
  {
    setting: 'version',
    wanted: 'MySQL 8.0.19 or MariaDB 10.6, or later',
    accepts: isNewEnough,
    why: 'The store is not made for this version.',
    how: 'Upgrade the server.',
  },
];

const sources: Readonly<Record<string, string>> = {
  sync_binlog: ofBinaryLog('sync_binlog'),
  binlog_format: ofBinaryLog('binlog_format'),
  'collation of keys': `coalesce((${CASELESS_KEYS}), '${BY_BYTES}')`,
  read_only: 'if(@@global.read_only, 1, 0)',
  version: 'version()',
};

/** The server's. What an application sets in its sessions does not matter: the store's transactions have their own. */
export const mysqlSettings: SettingRules = {
  read: query<SettingValue>(
    'settings',
    rules
      .map(({ setting }) => {
        const source = sources[setting] ?? `@@global.${setting}`;
        return `select '${setting}' as name, cast(${source} as char) as value`;
      })
      .join(' union all '),
  ),
  rules,
};

function isNewEnough(version: string): boolean {
  const numbers = version.split(/[.-]/).map(Number);
  const needed = /mariadb/i.test(version) ? [10, 6, 0] : [8, 0, 19];
  const at = needed.findIndex((number, i) => numbers[i] !== number);
  return at < 0 || (numbers[at] ?? 0) > (needed[at] ?? 0);
}
