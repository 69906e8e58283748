/**
 * The store's tables on MariaDB, as tables of Drizzle, for the migrations of drizzle-kit. Their columns have no types
 * that are worth reading through: read runs through the engine.
 */
import { mariadb } from '@dudousxd/nestjs-durable-store-sql';
import type { MySqlTable } from 'drizzle-orm/mysql-core';
import { mysqlTableOf } from './mysql-table.js';

const table = (name: string): MySqlTable => mysqlTableOf(mariadb, name);

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
export const durableLocks = table('durable_locks');
