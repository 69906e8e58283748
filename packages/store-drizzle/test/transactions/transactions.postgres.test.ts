import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { PostgresDatabase } from '../postgres-fixture.js';
import { createPostgresTransactions } from './postgres-transactions.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  beforeAll(() => database.create());
  afterAll(() => database.drop());

  describeTransactionConformance('drizzle on PostgreSQL', {
    create: () => createPostgresTransactions(database),
  });
});
