import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlFixtures } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySql } from './open.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  const fixtures = new MySqlFixtures(server ?? '', openMySql);
  afterAll(() => fixtures.drop());

  describeStoreConformance('Drizzle on MySQL', {
    create: () => fixtures.createFixture(),
    injectsFaults: true,
    randomSequences: 30,
  });
});
