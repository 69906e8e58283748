import { query } from '../sql/statement.js';
import type { SettingRule, SettingRules, SettingValue } from './setting-rules.js';

const OLDEST_VERSION = 130_000;
/** What a transaction of the store may take between two statements on a busy machine, with room. */
const MIN_IDLE_MS = 5_000;

const rules: readonly SettingRule[] = [
  {
    setting: 'synchronous_commit',
    wanted: 'on',
    accepts: (value) => !['off', 'local'].includes(value),
    why: 'A commit is acknowledged before it is safe: after a crash of the server, steps that were recorded run again and accepted signals are gone.',
    how: 'Set synchronous_commit = on, for the whole server or with ALTER ROLE … SET for the role of this application.',
  },
  {
    setting: 'fsync',
    wanted: 'on',
    accepts: (value) => value === 'on',
    why: 'A crash of the machine can destroy the whole database.',
    how: 'Set fsync = on in postgresql.conf.',
  },
  {
    setting: 'full_page_writes',
    wanted: 'on',
    accepts: (value) => value === 'on',
    why: 'A crash of the machine can leave pages half written, unless the file system rules that out.',
    how: 'Set full_page_writes = on in postgresql.conf.',
  },
  {
    setting: 'default_transaction_read_only',
    wanted: 'off',
    accepts: (value) => value === 'off',
    why: 'Every write of the store is refused.',
    how: 'Set default_transaction_read_only = off for the role of this application, or connect to the primary.',
  },
  {
    setting: 'default_transaction_isolation',
    wanted: 'read committed',
    accepts: (value) => value === 'read committed',
    why: 'The store sets the level of its own transactions, but a transaction of the application that starts or signals runs then fails with serialization errors (40001) under load, and has to be repeated.',
    how: 'Set default_transaction_isolation = read committed for the role, or repeat such transactions.',
  },
  {
    setting: 'idle_in_transaction_session_timeout',
    wanted: `0 or at least ${MIN_IDLE_MS} ms`,
    accepts: (value) => Number(value) === 0 || Number(value) >= MIN_IDLE_MS,
    why: 'A transaction of a process that is busy for a moment is ended by the server, with its connection.',
    how: `Set idle_in_transaction_session_timeout to ${MIN_IDLE_MS} or more for the role of this application.`,
  },
  {
    setting: 'server_version_num',
    wanted: `${OLDEST_VERSION} or later`,
    accepts: (value) => Number(value) >= OLDEST_VERSION,
    why: 'The store is not made for this version.',
    how: 'Upgrade to PostgreSQL 13 or later.',
  },
];

const names = rules.map(({ setting }) => `'${setting}'`).join(', ');

/** Of PostgreSQL, as the session of the store sees them. */
export const postgresSettings: SettingRules = {
  read: query<SettingValue>(
    'settings',
    `select name, setting as value from pg_settings where name in (${names})`,
  ),
  rules,
};
