import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { PostgresFixtures } from 'store-fixtures';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openPostgres, openWithoutPool } from './open.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined).each([
  ['Prisma with its pool on PostgreSQL', openPostgres],
  ['Prisma without its pool on PostgreSQL', openWithoutPool],
])('%s', (name, open) => {
  const fixtures = new PostgresFixtures(server ?? '', open);
  beforeAll(() => fixtures.create());
  afterAll(() => fixtures.drop());

  describeStoreConformance(name, {
    create: () => fixtures.createFixture(),
    injectsFaults: true,
    faultStride: 5,
    randomSequences: 20,
  });
});
