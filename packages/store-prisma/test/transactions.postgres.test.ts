import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { PostgresOrms } from 'store-fixtures';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openPostgres, openWithoutPool } from './open.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined).each([
  ['Prisma with its pool on PostgreSQL', openPostgres],
  ['Prisma without its pool on PostgreSQL', openWithoutPool],
])('%s', (name, open) => {
  const orms = new PostgresOrms(server ?? '', open);
  beforeAll(() => orms.create());
  afterAll(() => orms.drop());

  describeTransactionConformance(name, { create: () => orms.createFixture() });
});
