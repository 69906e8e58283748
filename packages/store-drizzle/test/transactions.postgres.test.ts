import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { PostgresOrms } from 'store-fixtures';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openPostgres } from './open.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const orms = new PostgresOrms(server ?? '', openPostgres);
  beforeAll(() => orms.create());
  afterAll(() => orms.drop());

  describeTransactionConformance('Drizzle on PostgreSQL', {
    create: () => orms.createFixture(),
  });
});
