/** SQLite 3.35 or later. One writer at a time, so that nothing has to be locked by row. */
import type { OnConflict } from '../sql/statement.js';
import type { Dialect } from './dialect.js';
import { standardText } from './standard.js';

export const sqlite: Dialect = {
  name: 'sqlite',
  textOf: (statement) => standardText(sqlite, statement, conflictClause),
  hotPath: null,
  types: {
    id: 'text',
    key: 'text',
    short: 'text',
    text: 'text',
    integer: 'integer',
    // Without AUTOINCREMENT the number of a deleted last row is given again.
    serial: 'integer primary key autoincrement',
  },
  tableOptions: '',
  clustered: ' without rowid',
  inlineIndexes: false,
  partialIndexes: true,
  lockSchema: [],
  listTables: "select name from sqlite_master where type = 'table'",
  forUpdate: () => '',
  forUpdateSkipLocked: () => '',
  lockRows: false,
  unlocked: (table) => table,
  locksBeforeLimit: false,
  skipScans: false,
  hasMember: (column) => `exists (select 1 from json_each(${column}) where json_each.value = ?)`,
};

function conflictClause(conflict: 'ignore' | OnConflict, table: string): string {
  if (conflict === 'ignore') return 'on conflict do nothing';
  const { key, replace = [], least = [] } = conflict;
  const assignments = [
    ...replace.map((column) => `${column} = excluded.${column}`),
    ...least.map((column) => `${column} = min(${table}.${column}, excluded.${column})`),
  ];
  return `on conflict (${key.join(', ')}) do update set ${assignments.join(', ')}`;
}
