/**
 * One statement for many rows of parameters. Inserts list their rows. Lookups, updates and deletes join the parameters as
 * a table that the server makes of one JSON text; the join goes from it to the table, through the index that the
 * conditions name, in the order of the list. Other queries are put together with UNION ALL.
 */
import type { ColumnKind } from '../dialect/dialect.js';
import type { MySqlDialect } from '../dialect/mysql.js';
import { durableSchema, lockTable } from '../schema/tables.js';
import type { Delete, Insert, Params, Query, SqlValue, Update } from '../sql/statement.js';

/** The column of a query's answer that says for which row of parameters it is; the first is 1. */
export const ROW_NUMBER = 'param_row';

export interface Batch {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

/** Of a `key` column, in characters. */
const MAX_KEY_LENGTH = 320;

const tables = new Map([...durableSchema, lockTable].map((table) => [table.name, table]));

export function queryBatch(
  dialect: MySqlDialect,
  statement: Query<unknown>,
  rows: readonly Params[],
): Batch {
  const text = statement.text(dialect);
  return statement.isLookup ? lookupBatch(dialect, text, rows) : unionBatch(text, rows);
}

/** `select a, b from t x where …` becomes `select i.n, a, b from <list> i straight_join t x where …`. */
function lookupBatch(dialect: MySqlDialect, text: string, rows: readonly Params[]): Batch {
  const fromAt = topLevel(text, ' from ');
  const whereAt = topLevel(text, ' where ');
  const columns = text.slice('select '.length, fromAt);
  const source = text.slice(fromAt + ' from '.length, whereAt);
  const rest = withoutLimit(text.slice(whereAt));
  const joined = join(dialect, { source, where: rest, rows });
  return {
    text: withColumns(`select i.n as ${ROW_NUMBER}, ${columns} from ${joined}${rest}`),
    values: [jsonOf(rows)],
  };
}

function withoutLimit(text: string): string {
  return text.replace(/ limit 1$/, '');
}

function unionBatch(text: string, rows: readonly Params[]): Batch {
  const parts = rows.map((_, i) => {
    const numbered = text.replace(/^select (distinct )?/, `select $1${i + 1} as ${ROW_NUMBER}, `);
    return rows.length === 1 ? numbered : `(${numbered})`;
  });
  return { text: parts.join(' union all '), values: rows.flat() };
}

/** `insert into t (a, b) values (?, ?), (?, ?)`, with what is to happen where the key exists. */
export function insertBatch(
  dialect: MySqlDialect,
  { table, columns, onConflict }: Insert,
  rows: readonly Params[],
): Batch {
  const row = `(${columns.map(() => '?').join(', ')})`;
  const list = rows.map(() => row).join(', ');
  const text = `insert into ${table} (${columns.join(', ')}) values ${list}`;
  const end = onConflict === 'fail' ? '' : ` ${dialect.conflictClause(onConflict, table)}`;
  return { text: text + end, values: rows.flat() };
}

export function updateBatch(
  dialect: MySqlDialect,
  { table, set, where }: Update,
  rows: readonly Params[],
): Batch {
  const joined = join(dialect, { source: table, where: ` where ${where}`, rows });
  return {
    text: withColumns(`update ${joined} set ${set} where ${where}`),
    values: [jsonOf(rows)],
  };
}

export function deleteBatch(
  dialect: MySqlDialect,
  { table, where }: Delete,
  rows: readonly Params[],
): Batch {
  const joined = join(dialect, { source: table, where: ` where ${where}`, rows });
  return {
    text: withColumns(`delete ${table} from ${joined} where ${where}`),
    values: [jsonOf(rows)],
  };
}

interface Joining {
  /** `table` or `table alias` */
  readonly source: string;
  readonly where: string;
  readonly rows: readonly Params[];
}

/** The parameters as a table `i`, joined to the table through the index of the columns that are compared with them. */
function join({ types }: MySqlDialect, { source, where, rows }: Joining): string {
  const [table = ''] = source.split(' ');
  const width = rows[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, i) => {
    return `p${i + 1} ${types[kindOf(rows, i)]} path '$[${i}]'`;
  });
  const list = `json_table(?, '$[*]' columns (n for ordinality, ${columns.join(', ')})) i`;
  return `${list} straight_join ${source} force index (${indexFor(table, where)})`;
}

/** What is compared with a key has to be of its kind, or the server does not use the index. */
function kindOf(rows: readonly Params[], place: number): ColumnKind {
  let kind: ColumnKind = 'key';
  for (const row of rows) {
    const value = row[place];
    if (typeof value === 'number') return 'integer';
    if (typeof value === 'string' && value.length > MAX_KEY_LENGTH) kind = 'text';
  }
  return kind;
}

/** The index whose columns the conditions compare with parameters from its first on: the primary key if it is one. */
function indexFor(name: string, where: string): string {
  const table = tables.get(name);
  const compared = new Set([...where.matchAll(/(\w+) = \?/g)].map(([, column]) => column));
  const serial = Object.keys(table?.columns ?? {}).find((it) => table?.columns[it] === 'serial');
  const primary = table?.primaryKey ?? (serial === undefined ? [] : [serial]);
  const covers = (columns: readonly string[]): boolean => compared.has(columns[0]);
  if (covers(primary)) return 'primary';
  const index = table?.indexes?.find(({ columns }) => covers(columns));
  if (!index) throw new Error(`no index of ${name} serves "${where}"`);
  return index.name;
}

/** Text for the server's JSON parser. Half a surrogate pair is what UTF-8 makes of it. */
function jsonOf(rows: readonly Params[]): string {
  return JSON.stringify(
    rows.map((row) =>
      row.map((value) => (typeof value === 'string' ? value.toWellFormed() : value)),
    ),
  );
}

function withColumns(text: string): string {
  // The list itself is the first parameter of the text, or comes before those of the conditions.
  let count = 0;
  return text.replace(/json_table\(\?|\?/g, (match) => {
    if (match !== '?') return match;
    count += 1;
    return `i.p${count}`;
  });
}

/** Where a word stands outside of all parentheses. */
function topLevel(text: string, word: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    else if (depth === 0 && text.startsWith(word, i)) return i;
  }
  throw new Error(`not a lookup: "${text}"`);
}
