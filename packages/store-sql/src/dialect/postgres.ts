/** PostgreSQL 13 or later, at READ COMMITTED: each statement sees what was committed before it began. */
import { checkpointStatement } from '../postgres/checkpoint-statement.js';
import { commitStatement } from '../postgres/group-commit.js';
import { createStatement, MAX_WAIT_MS } from '../postgres/group-create.js';
import type { OnConflict } from '../sql/statement.js';
import type { Dialect } from './dialect.js';
import { standardText } from './standard.js';

/** Any number that no other program takes locks with. */
const SCHEMA_LOCK = 7_202_611_230;
/** Of a transaction that has only its COMMIT to send. */
const IDLE_LIMIT_MS = 20_000;

export const postgres: Dialect = {
  name: 'postgres',
  textOf: (statement) => numbered(standardText(postgres, statement, conflictClause)),
  hotPath: {
    commit: commitStatement,
    createRuns: createStatement,
    checkpoint: checkpointStatement,
  },
  types: {
    id: 'text collate "C"',
    key: 'text collate "C"',
    short: 'text collate "C"',
    text: 'text',
    integer: 'bigint',
    serial: 'bigint generated always as identity primary key',
  },
  tableOptions: '',
  clustered: '',
  inlineIndexes: false,
  partialIndexes: true,
  lockSchema: [`select pg_advisory_xact_lock(${SCHEMA_LOCK})::text`],
  listTables:
    "select c.relname as name from pg_class c where c.relkind in ('r', 'p') and pg_table_is_visible(c.oid)",
  forUpdate: (alias) => ` for no key update of ${alias}`,
  forUpdateSkipLocked: (alias) => ` for no key update of ${alias} skip locked`,
  limitIdle: `, set_config('idle_in_transaction_session_timeout', '${IDLE_LIMIT_MS}', true) as idle_limit`,
  lockRows: false,
  unlocked: (table) => table,
  locksBeforeLimit: false,
  skipScans: false,
  refusesStraySavepoints: true,
  waitBriefly: `set local lock_timeout = ${MAX_WAIT_MS}`,
  hasMember: (column) =>
    `exists (select 1 from json_array_elements_text(${column}::json) member where member = ?)`,
};

/** The end of an insert that meets an existing key. */
export function conflictClause(conflict: 'ignore' | OnConflict, table: string): string {
  if (conflict === 'ignore') return 'on conflict do nothing';
  const { key, replace = [], least = [] } = conflict;
  const assignments = [
    ...replace.map((column) => `${column} = excluded.${column}`),
    ...least.map((column) => `${column} = least(${table}.${column}, excluded.${column})`),
  ];
  return `on conflict (${key.join(', ')}) do update set ${assignments.join(', ')}`;
}

/** `?` becomes `$1`, `$2`, …. No text of ours has a question mark that is not a parameter. */
function numbered(text: string): string {
  let count = 0;
  return text.replaceAll('?', () => {
    count += 1;
    return `$${count}`;
  });
}
