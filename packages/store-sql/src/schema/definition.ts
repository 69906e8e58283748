/** The parts of a schema as data, and the statements that make them. */
import type { ColumnKind, Dialect } from '../dialect/dialect.js';

/** A column: its kind, with `?` at the end where it may be null. */
export type ColumnType = ColumnKind | `${Exclude<ColumnKind, 'serial'>}?`;

/** What the statements of a table are made of. */
export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Absent where a `serial` column is the key. */
  readonly primaryKey?: readonly string[];
  /** Rows are narrow and always found by the primary key. */
  readonly clustered?: boolean;
  readonly indexes?: readonly Index[];
}

/** Belongs to a table. Where a database cannot limit it to rows, it has them all. */
export interface Index {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique?: boolean;
  /** Only rows where this column is not null are looked for. */
  readonly whereNotNull?: string;
}

/** The statements that make a table and its indexes where they are not there. */
export function createTable(table: Table, dialect: Dialect): string[] {
  const columns = Object.entries(table.columns).map(
    ([name, type]) => `${name} ${columnText(type, dialect)}`,
  );
  const key = table.primaryKey ? [`primary key (${table.primaryKey.join(', ')})`] : [];
  const { indexes = [] } = table;
  const inline = dialect.inlineIndexes ? indexes.map(indexLine) : [];
  const body = [...columns, ...key, ...inline].map((line) => `  ${line}`).join(',\n');
  const suffix = (table.clustered ? dialect.clustered : '') + dialect.tableOptions;
  const create = `create table if not exists ${table.name} (\n${body}\n)${suffix}`;
  if (dialect.inlineIndexes) return [create];
  return [create, ...indexes.map((index) => createIndex(table.name, index, dialect))];
}

function columnText(type: ColumnType, { types }: Dialect): string {
  const [kind] = type.split('?') as [ColumnKind];
  if (kind === 'serial') return types.serial;
  return type.endsWith('?') ? types[kind] : `${types[kind]} not null`;
}

function indexLine({ name, columns, unique }: Index): string {
  return `${unique ? 'unique index' : 'index'} ${name} (${columns.join(', ')})`;
}

function createIndex(table: string, index: Index, { partialIndexes }: Dialect): string {
  const { name, columns, unique, whereNotNull } = index;
  const filter =
    whereNotNull !== undefined && partialIndexes ? ` where ${whereNotNull} is not null` : '';
  const what = unique ? 'unique index' : 'index';
  return `create ${what} if not exists ${name} on ${table} (${columns.join(', ')})${filter}`;
}
