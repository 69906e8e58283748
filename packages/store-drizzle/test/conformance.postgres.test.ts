import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { PostgresDatabase } from './postgres-fixture.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  beforeAll(() => database.create());
  afterAll(() => database.drop());

  describeStoreConformance('drizzle on PostgreSQL', {
    create: () => database.createFixture(),
    injectsFaults: true,
    randomSequences: 30,
  });
});
