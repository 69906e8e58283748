/** Statement texts that most dialects share; a dialect passes what it writes otherwise. */
import type { Insert, OnConflict, Statement } from '../sql/statement.js';
import type { Dialect } from './dialect.js';

/** The clause of an insert that meets an existing key. */
export type ConflictClause = (conflict: 'ignore' | OnConflict, table: string) => string;

/** The text of a statement for one row of parameters, with `?` placeholders. */
export function standardText(
  dialect: Dialect,
  statement: Statement,
  conflictClause: ConflictClause,
): string {
  switch (statement.kind) {
    case 'query':
      return statement.text(dialect);
    case 'insert':
      return insertText(statement, conflictClause);
    case 'update':
      return `update ${statement.table} set ${statement.set} where ${statement.where}`;
    case 'delete':
      return `delete from ${statement.table} where ${statement.where}`;
    default:
      return statement satisfies never;
  }
}

function insertText(
  { table, columns, onConflict }: Insert,
  conflictClause: ConflictClause,
): string {
  const values = columns.map(() => '?').join(', ');
  const text = `insert into ${table} (${columns.join(', ')}) values (${values})`;
  return onConflict === 'fail' ? text : `${text} ${conflictClause(onConflict, table)}`;
}
