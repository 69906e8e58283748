import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { PostgresFixtures } from 'store-fixtures';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openPostgres } from './open.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const fixtures = new PostgresFixtures(server ?? '', openPostgres);
  beforeAll(() => fixtures.create());
  afterAll(() => fixtures.drop());

  describeStoreConformance('MikroORM on PostgreSQL', {
    create: () => fixtures.createFixture(),
    injectsFaults: true,
    faultStride: 5,
    randomSequences: 20,
  });
});
