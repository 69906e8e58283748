/**
 * The store's tables on PostgreSQL, as tables of Drizzle, for the migrations of drizzle-kit. Their columns have no types
 * that are worth reading through: read runs through the engine.
 */
import { type ColumnType, postgres, type Table } from '@dudousxd/nestjs-durable-store-sql';
import { sql } from 'drizzle-orm';
import {
  bigint,
  customType,
  index,
  type PgColumnBuilderBase,
  type PgTable,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { keyOf, requireTable } from './definition.js';

/** A text that is compared byte by byte. */
const bytes = customType<{ data: string }>({ dataType: () => postgres.types.id });

const integer = () => bigint({ mode: 'number' });

function columnOf(type: ColumnType, isKey: boolean): PgColumnBuilderBase {
  if (type === 'serial') return integer().primaryKey().generatedAlwaysAsIdentity();
  const isText = type.startsWith('text');
  const column = type.startsWith('integer') ? integer() : isText ? text() : bytes();
  if (isKey) return column.primaryKey();
  return type.endsWith('?') ? column : column.notNull();
}

function tableOf(definition: Table): PgTable {
  const { name, columns, indexes = [] } = definition;
  const { single, several } = keyOf(definition);
  const builders = Object.entries(columns).map(([column, type]) => [
    column,
    columnOf(type, column === single),
  ]);
  const fields: Record<string, PgColumnBuilderBase> = Object.fromEntries(builders);
  return pgTable(name, fields, (own) => {
    const at = (names: readonly string[]) => names.map((it) => own[it]) as [never];
    const extras = indexes.map((it) => {
      const on = (it.unique ? uniqueIndex(it.name) : index(it.name)).on(...at(it.columns));
      const { whereNotNull } = it;
      return whereNotNull ? on.where(sql`${sql.identifier(whereNotNull)} is not null`) : on;
    });
    const key = several && primaryKey({ name: `${name}_pkey`, columns: at(several) });
    return key ? [...extras, key] : extras;
  });
}

const table = (name: string): PgTable => tableOf(requireTable(postgres, name));

export const durableSchema = table('durable_schema');
export const durableRuns = table('durable_runs');
export const durableHistory = table('durable_history');
export const durableReady = table('durable_ready');
export const durableInbox = table('durable_inbox');
export const durableSignals = table('durable_signals');
export const durableOutbox = table('durable_outbox');
export const durableWaits = table('durable_waits');
export const durableTasks = table('durable_tasks');
export const durableWorkers = table('durable_workers');
export const durableWorkflows = table('durable_workflows');
