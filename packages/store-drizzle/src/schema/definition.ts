import { type Dialect, type Table, tablesOn } from '@dudousxd/nestjs-durable-store-sql';

/** The definition of a table. @throws Error where the database has none of that name */
export function requireTable(dialect: Dialect, name: string): Table {
  const table = tablesOn(dialect).find((it) => it.name === name);
  if (table) return table;
  throw new Error(`the durable schema has no table ${name} on ${dialect.name}`);
}

/** The columns of the primary key, where it is one of its own and not a `serial` column. */
export function keyOf({ primaryKey = [] }: Table): {
  readonly single: string | undefined;
  readonly several: readonly string[] | undefined;
} {
  return primaryKey.length === 1
    ? { single: primaryKey[0], several: undefined }
    : { single: undefined, several: primaryKey.length === 0 ? undefined : primaryKey };
}
