/**
 * The way from any released schema to the present one. A released migration never changes. Each one only adds (tables,
 * indexes, columns that may be null or have a default), so that the release before it can still run beside it.
 */
import type { Dialect } from '../dialect/dialect.js';
import { createTable } from './definition.js';
import { schemaTable, tablesV1 } from './tables.js';

export interface Migration {
  readonly version: number;
  /** Statements, in order. Each does nothing where its part is there already. */
  readonly statements: (dialect: Dialect) => readonly string[];
}

export const migrations: readonly Migration[] = [
  {
    version: 1,
    statements: (dialect) => tablesV1.flatMap((table) => createTable(table, dialect)),
  },
];

/** The schema version that this release works with. */
export const SCHEMA_VERSION = migrations.reduce((max, { version }) => Math.max(max, version), 0);

/**
 * The whole schema as SQL text, for people who run migrations themselves. `from` is the version that is there; 0 = none.
 * It ends by recording the version, so that the store accepts it.
 */
export function schemaSql(dialect: Dialect, from = 0): string {
  const pending = migrations.filter(({ version }) => version > from);
  const statements = pending.flatMap(({ version, statements }) => [
    ...statements(dialect),
    `insert into ${schemaTable.name} (version, applied_at) values (${version}, 0)`,
  ]);
  const all = from === 0 ? [...createTable(schemaTable, dialect), ...statements] : statements;
  return all.map((statement) => `${statement};\n`).join('\n');
}
