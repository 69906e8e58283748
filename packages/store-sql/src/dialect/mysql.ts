/** MySQL 8.0.19 or later. What MariaDB writes otherwise is in `mariadb.ts`. */
import type { OnConflict } from '../sql/statement.js';
import type { Dialect } from './dialect.js';
import { type ConflictClause, standardText } from './standard.js';

/** What MySQL and MariaDB do not have in common. */
export interface MySqlFamily {
  readonly name: 'mysql' | 'mariadb';
  /** Compares byte by byte, spaces at the end included. */
  readonly collation: string;
  /** The variable of the isolation level; without GLOBAL or SESSION it is that of the next transaction. */
  readonly isolation: string;
  /** What an INSERT that meets an existing key calls the row that it wanted to insert. */
  readonly newRow: { readonly alias: string; readonly column: (column: string) => string };
  /** Which table of a join a SELECT locks. */
  readonly of: (alias: string) => string;
  readonly unlocked: Dialect['unlocked'];
}

export interface MySqlDialect extends Dialect {
  readonly name: 'mysql' | 'mariadb';
  readonly family: MySqlFamily;
  readonly conflictClause: ConflictClause;
}

/** How long to wait for another process's migration, in seconds. */
const SCHEMA_LOCK_SECONDS = 30;

/** The dialect of a server of the family. */
export function mysqlDialect(family: MySqlFamily): MySqlDialect {
  const text = (type: string): string =>
    `${type} character set utf8mb4 collate ${family.collation}`;
  const conflictClause = conflictClauseOf(family);
  const dialect: MySqlDialect = {
    name: family.name,
    family,
    conflictClause,
    hotPath: null,
    textOf: (statement) => standardText(dialect, statement, conflictClause),
    types: {
      id: text('varchar(255)'),
      key: text('varchar(320)'),
      short: text('varchar(128)'),
      text: text('longtext'),
      integer: 'bigint',
      serial: 'bigint not null auto_increment primary key',
    },
    tableOptions: ' engine = InnoDB row_format = dynamic',
    clustered: '',
    inlineIndexes: true,
    partialIndexes: false,
    // Of the database, not the server. The connection is ended after a migration, and the lock with it.
    lockSchema: [
      `select get_lock(concat('durable:', sha2(database(), 224)), ${SCHEMA_LOCK_SECONDS}) as locked`,
    ],
    listTables:
      'select t.table_name as name from information_schema.tables t where t.table_schema = database()',
    forUpdate: (alias) => ` for update${family.of(alias)}`,
    forUpdateSkipLocked: (alias) => ` for update${family.of(alias)} skip locked`,
    lockRows: true,
    unlocked: family.unlocked,
    acceptsStraySavepoints: true,
    // The least there is. A transaction of the store puts it back, as all that it sets.
    waitBriefly: 'set innodb_lock_wait_timeout = 1',
    locksBeforeLimit: true,
    skipScans: true,
    hasMember: (column) => `json_contains(${column}, json_quote(?))`,
  };
  return dialect;
}

/** No `insert ignore`: it would also take values that do not fit, cut to what does. */
function conflictClauseOf({ newRow }: MySqlFamily): ConflictClause {
  return (conflict, table) => `${newRow.alias}on duplicate key update ${assign(conflict, table)}`;

  function assign(conflict: 'ignore' | OnConflict, table: string): string {
    // Nothing changes, whatever the column.
    if (conflict === 'ignore') return `${KEPT[table] ?? 'id'} = ${table}.${KEPT[table] ?? 'id'}`;
    const { replace = [], least = [] } = conflict;
    return [
      ...replace.map((column) => `${column} = ${newRow.column(column)}`),
      ...least.map((column) => `${column} = least(${table}.${column}, ${newRow.column(column)})`),
    ].join(', ');
  }
}

/** A column of the tables that have no `id`. */
const KEPT: Readonly<Record<string, string>> = {
  durable_workflows: 'namespace',
  durable_schema: 'version',
  durable_locks: 'slot',
};

export const mysql = mysqlDialect({
  name: 'mysql',
  collation: 'utf8mb4_0900_bin',
  isolation: 'transaction_isolation',
  newRow: { alias: 'as excluded ', column: (column) => `excluded.${column}` },
  of: (alias) => ` of ${alias}`,
  unlocked: (table) => table,
});
