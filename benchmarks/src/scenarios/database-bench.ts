import type { DurableEngine } from '@dudousxd/nestjs-durable-core';
import type { BenchDatabase, Raw } from '../databases/database.js';
import type { DatabaseGoals } from './database-goals.js';

/** What is measured on one database: the engine on a store through an ORM, and the bare driver. */
export interface DatabaseBench {
  /** Begins the names of the figures. */
  readonly title: string;
  readonly engine: DurableEngine;
  readonly raw: Raw;
  readonly database: BenchDatabase;
  readonly goals: DatabaseGoals;
  readonly quick: boolean;
}

/** Steps of a run. */
export const STEPS = 5;
