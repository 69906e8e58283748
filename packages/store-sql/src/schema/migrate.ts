import { SchemaTooNewError } from '@dudousxd/nestjs-durable-core';
import { SchemaMissingError } from '../errors.js';
import type { SqlExecutor } from '../sql/executor.js';
import { change, databaseTime, define, rows, type Script } from '../sql/script.js';
import { insert, query } from '../sql/statement.js';
import { createTable } from './definition.js';
import { migrations, SCHEMA_VERSION } from './migrations.js';
import { schemaTable } from './tables.js';

const LIST_TABLES = query<{ readonly name: string }>('listTables', (d) => d.listTables);
const VERSIONS = query<{ readonly version: number }>(
  'schemaVersions',
  `select version from ${schemaTable.name}`,
);
const RECORD_VERSION = insert('recordVersion', {
  table: schemaTable.name,
  columns: ['version', 'applied_at'],
  onConflict: 'ignore',
});

/**
 * Creates the schema or brings it up to this release, in one transaction under the database's write lock: of several
 * processes that start at once one does it, and the others find it done. Does nothing where nothing is to be done.
 *
 * @throws SchemaTooNewError when the database has seen a newer release
 */
export async function migrateSchema(executor: SqlExecutor): Promise<void> {
  const present = await executor.read(readVersion);
  if (present === SCHEMA_VERSION) return;
  await executor.write(() => applyMigrations(executor));
}

/**
 * Checks that the schema is the one this release works with, and changes nothing: for applications that run the
 * migrations themselves (`autoSchema: false`).
 *
 * @throws SchemaMissingError when it is missing or older, SchemaTooNewError when it is newer
 */
export async function verifySchema(executor: SqlExecutor): Promise<void> {
  const found = await executor.read(readVersion);
  refuseNewer(found);
  if (found < SCHEMA_VERSION) throw new SchemaMissingError({ found, needed: SCHEMA_VERSION });
}

function* applyMigrations({ dialect }: SqlExecutor): Script<void> {
  for (const text of dialect.lockSchema) yield* define(text);
  const present = yield* readVersion();
  refuseNewer(present);
  const now = yield* databaseTime();
  for (const text of createTable(schemaTable, dialect)) yield* define(text);
  for (const { version, statements } of migrations) {
    if (version <= present) continue;
    for (const text of statements(dialect)) yield* define(text);
    yield* change(RECORD_VERSION, [[version, now]]);
  }
}

/** 0 where there is no schema. */
function* readVersion(): Script<number> {
  const tables = yield* rows(LIST_TABLES, []);
  if (!tables.some(({ name }) => name === schemaTable.name)) return 0;
  const versions = yield* rows(VERSIONS, []);
  return versions.reduce((max, { version }) => Math.max(max, version), 0);
}

function refuseNewer(found: number): void {
  if (found > SCHEMA_VERSION) throw new SchemaTooNewError({ found, supported: SCHEMA_VERSION });
}
