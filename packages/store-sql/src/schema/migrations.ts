/**
 * The way from any released schema to the present one. A released migration never changes. Each one only adds (tables,
 * indexes, columns that may be null or have a default), so that the release before it can still run beside it.
 */
import type { Dialect } from '../dialect/dialect.js';
import { createTable } from './definition.js';
import { durableSchema, lockTable, schemaTable, tablesV1 } from './tables.js';

export interface Migration {
  readonly version: number;
  /** Statements, in order. Each does nothing where its part is there already. */
  readonly statements: (dialect: Dialect) => readonly string[];
  /** Statements that take away what `statements` has added, in order. */
  readonly undo: readonly string[];
}

/** One version as statements for a migration tool. */
export interface MigrationStatements {
  /** They end by recording the version, so that the store accepts it. Nothing where it is there already. */
  readonly up: readonly string[];
  /** They take the version away, with all that is in it. */
  readonly down: readonly string[];
}

export const migrations: readonly Migration[] = [
  {
    version: 1,
    statements: (dialect) =>
      [...tablesV1, ...(dialect.lockRows ? [lockTable] : [])].flatMap((table) =>
        createTable(table, dialect),
      ),
    undo: [...tablesV1, lockTable, schemaTable].map(({ name }) => `drop table if exists ${name}`),
  },
];

/** The schema version that this release works with. */
export const SCHEMA_VERSION = migrations.reduce((max, { version }) => Math.max(max, version), 0);

/** The tables of this release, for tools that have to be told which tables are not theirs. */
export const durableTables: readonly string[] = [...durableSchema, lockTable].map(
  ({ name }) => name,
);

/** A query for `n`, the number of runs that have not ended. */
export const COUNT_UNFINISHED_RUNS =
  'select count(*) as n from durable_runs where finished_at is null';

/**
 * The statements of one version, for the migrations of an ORM.
 *
 * @param version a released one, from 1 to `SCHEMA_VERSION`
 */
export function migrationStatements(dialect: Dialect, version: number): MigrationStatements {
  const migration = migrations.find((candidate) => candidate.version === version);
  if (migration === undefined) throw new RangeError(`the schema has no version ${version}`);
  const isFirst = version === 1;
  const record = recordVersion(version);
  const own = [...migration.statements(dialect), record];
  return {
    up: isFirst ? [...createTable(schemaTable, dialect), ...own] : own,
    down: isFirst ? migration.undo : [...migration.undo, forgetVersion(version)],
  };
}

/**
 * The whole schema as SQL text, for people who run migrations themselves. `from` is the version that is there; 0 = none.
 * It ends by recording the version, so that the store accepts it.
 */
export function schemaSql(dialect: Dialect, from = 0): string {
  return migrations
    .filter(({ version }) => version > from)
    .flatMap(({ version }) => migrationStatements(dialect, version).up)
    .map((statement) => `${statement};\n`)
    .join('\n');
}

function recordVersion(version: number): string {
  const { name } = schemaTable;
  return (
    `insert into ${name} (version, applied_at) select ${version}, 0 ` +
    `where not exists (select 1 from ${name} where version = ${version})`
  );
}

function forgetVersion(version: number): string {
  return `delete from ${schemaTable.name} where version = ${version}`;
}
