import { query } from '../sql/statement.js';
import type { SettingRules, SettingValue } from './setting-rules.js';

/** FULL and EXTRA. */
const DURABLE_SYNCHRONOUS: readonly string[] = ['2', '3'];

/**
 * Of the handle that the store works on, where it is a file's. On a handle of its own the store sets both. Whether the
 * file is on a network file system cannot be seen from here.
 */
export const sqliteSettings: SettingRules = {
  read: query<SettingValue>(
    'settings',
    'select x.name, x.value from ' +
      "(select 'journal_mode' as name, j.journal_mode as value from pragma_journal_mode j " +
      "union all select 'synchronous', cast(s.synchronous as text) from pragma_synchronous s) x " +
      "where exists (select 1 from pragma_database_list d where d.name = 'main' and d.file <> '')",
  ),
  rules: [
    {
      setting: 'journal_mode',
      wanted: 'wal',
      accepts: (value) => value === 'wal',
      why: 'Readers and the writer block each other, so that calls fail with StoreBusyError under load.',
      how: 'Put the file on a local file system, where the store can switch it to WAL, or do it yourself: pragma journal_mode = wal.',
    },
    {
      setting: 'synchronous',
      wanted: '2 (FULL)',
      accepts: (value) => DURABLE_SYNCHRONOUS.includes(value),
      why: 'What was acknowledged last can be gone after a loss of power: steps that were recorded run again.',
      how: 'Run pragma synchronous = full on the handle.',
    },
  ],
};
