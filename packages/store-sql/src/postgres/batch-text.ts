/**
 * One statement for many rows of parameters: they come as one array per parameter, `unnest`ed beside each other, and the
 * statement's `?`s become columns of that list.
 *
 * Queries are joined LATERAL behind OFFSET 0, so that each row of parameters is looked up through the index, in the order
 * of the list, whatever the planner believes of the tables.
 */

import type { ColumnKind, Dialect } from '../dialect/dialect.js';
import { conflictClause } from '../dialect/postgres.js';
import { durableSchema } from '../schema/tables.js';
import type { Delete, Insert, Params, Query, Statement, Update } from '../sql/statement.js';

/** The column of a query's answer that says for which row of parameters it is. */
export const ROW_NUMBER = 'param_row';

const tables = new Map(durableSchema.map((table) => [table.name, table]));

/** The text for a list of rows, and its parameters: one array for each of the rows' columns. */
export function batchOf(
  dialect: Dialect,
  statement: Statement,
  rows: readonly Params[],
): { readonly text: string; readonly values: unknown[] } {
  const types = statement.kind === 'insert' ? columnTypes(statement) : inferTypes(rows);
  const list = listText(types);
  const values = types.map((_, i) => rows.map((row) => row[i]));
  return { text: textOf(dialect, statement, list), values };
}

function textOf(dialect: Dialect, statement: Statement, list: string): string {
  switch (statement.kind) {
    case 'query':
      return queryText(dialect, statement, list);
    case 'insert':
      return insertText(statement, list);
    case 'update':
      return updateText(statement, list);
    case 'delete':
      return deleteText(statement, list);
    default:
      return statement satisfies never;
  }
}

function queryText(dialect: Dialect, statement: Query<unknown>, list: string): string {
  const query = withColumns(statement.text(dialect));
  return (
    `select i.n as ${ROW_NUMBER}, x.* from ${list} ` +
    `cross join lateral (select * from (${query}) q0 offset 0) x`
  );
}

function insertText({ table, columns, onConflict }: Insert, list: string): string {
  const values = columns.map((_, i) => `i.p${i + 1}`).join(', ');
  const text = `insert into ${table} (${columns.join(', ')}) select ${values} from ${list} order by i.n`;
  return onConflict === 'fail' ? text : `${text} ${conflictClause(onConflict, table)}`;
}

function updateText({ table, set, where }: Update, list: string): string {
  return withColumns(`update ${table} set ${set} from ${list} where ${where}`);
}

function deleteText({ table, where }: Delete, list: string): string {
  return withColumns(`delete from ${table} using ${list} where ${where}`);
}

function withColumns(text: string): string {
  let count = 0;
  return text.replaceAll('?', () => {
    count += 1;
    return `i.p${count}`;
  });
}

type SqlType = 'text' | 'bigint';

function listText(types: readonly SqlType[]): string {
  const arrays = types.map((type, i) => `$${i + 1}::${type}[]`).join(', ');
  const columns = types.map((_, i) => `p${i + 1}`).join(', ');
  return `unnest(${arrays}) with ordinality as i(${columns}, n)`;
}

function columnTypes({ table, columns }: Insert): readonly SqlType[] {
  const kinds = tables.get(table)?.columns ?? {};
  return columns.map((column) => typeOf(kinds[column]?.split('?')[0] as ColumnKind | undefined));
}

function typeOf(kind: ColumnKind | undefined): SqlType {
  return kind === 'integer' || kind === 'serial' ? 'bigint' : 'text';
}

/** A parameter that is null in all rows is a text: no integer is ever set to null. */
function inferTypes(rows: readonly Params[]): readonly SqlType[] {
  const [first = []] = rows;
  return first.map((_, i) => (rows.some((row) => typeof row[i] === 'number') ? 'bigint' : 'text'));
}

/** The columns that tell the rows of an insert's table apart. */
export function keyOf({ table }: Pick<Insert, 'table'>): readonly string[] {
  const { primaryKey, indexes } = tables.get(table) ?? {};
  return primaryKey ?? indexes?.find(({ unique }) => unique)?.columns ?? [];
}

/**
 * Cuts a list into parts whose rows concern different rows of the table: one statement changes a row only once. The parts
 * keep the order; most lists are one part.
 */
export function distinctParts(
  statement: Insert | Update | Delete,
  rows: readonly Params[],
): readonly (readonly Params[])[] {
  const keyAt = keyPlaces(statement);
  if (keyAt === undefined) return [rows];
  const seen = new Map<string, number>();
  const parts: Params[][] = [];
  for (const row of rows) {
    const key = JSON.stringify(keyAt.map((i) => row[i]));
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    const part = parts[round];
    if (part) part.push(row);
    else parts.push([row]);
  }
  return parts;
}

/** Which parameters say what row of the table is meant; undefined where it does not matter. */
function keyPlaces(statement: Insert | Update | Delete): readonly number[] | undefined {
  if (statement.kind === 'delete') return undefined;
  if (statement.kind === 'update') {
    const inSet = count(statement.set);
    return Array.from({ length: count(statement.where) }, (_, i) => inSet + i);
  }
  const { columns, onConflict } = statement;
  if (typeof onConflict === 'string') return undefined;
  return onConflict.key.map((column) => columns.indexOf(column));
}

function count(text: string): number {
  return text.split('?').length - 1;
}
