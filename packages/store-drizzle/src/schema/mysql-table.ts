import type { ColumnKind, ColumnType, Dialect } from '@dudousxd/nestjs-durable-store-sql';
import {
  bigint,
  customType,
  index,
  type MySqlColumnBuilderBase,
  type MySqlTable,
  mysqlTable,
  primaryKey,
  uniqueIndex,
} from 'drizzle-orm/mysql-core';
import { keyOf, requireTable } from './definition.js';

/** A table of MySQL or MariaDB, which differ in the collations that compare byte by byte. */
export function mysqlTableOf(dialect: Dialect, name: string): MySqlTable {
  const definition = requireTable(dialect, name);
  const { columns, indexes = [] } = definition;
  const { single, several } = keyOf(definition);
  const builders = Object.entries(columns).map(([column, type]) => [
    column,
    columnOf(dialect, type, column === single),
  ]);
  const fields: Record<string, MySqlColumnBuilderBase> = Object.fromEntries(builders);
  return mysqlTable(name, fields, (own) => {
    const at = (names: readonly string[]) => names.map((it) => own[it]) as [never];
    const extras = indexes.map((it) =>
      (it.unique ? uniqueIndex(it.name) : index(it.name)).on(...at(it.columns)),
    );
    const key = several && primaryKey({ columns: at(several) });
    return key ? [...extras, key] : extras;
  });
}

function columnOf(dialect: Dialect, type: ColumnType, isKey: boolean): MySqlColumnBuilderBase {
  const integer = () => bigint({ mode: 'number' });
  if (type === 'serial') return integer().autoincrement().primaryKey();
  const [kind] = type.split('?') as [ColumnKind];
  const text = customType<{ data: string }>({ dataType: () => dialect.types[kind] });
  const column = kind === 'integer' ? integer() : text();
  if (isKey) return column.primaryKey();
  return type.endsWith('?') ? column : column.notNull();
}
