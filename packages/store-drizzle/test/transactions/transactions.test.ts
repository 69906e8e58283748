import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { PostgresDatabase } from '../postgres-fixture.js';
import { createPostgresTransactions } from './postgres-transactions.js';
import { createSqliteTransactions } from './sqlite-transactions.js';

describeTransactionConformance('drizzle on a SQLite file', { create: createSqliteTransactions });
describeTransactionConformance('drizzle on SQLite in memory', {
  create: () => createSqliteTransactions(true),
});

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  beforeAll(() => database.create());
  afterAll(() => database.drop());

  describeTransactionConformance('drizzle on PostgreSQL', {
    create: () => createPostgresTransactions(database),
  });
});
