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
    // The same executor as MariaDB's, on which all of the suite runs: here it would take minutes.
    injectsFaults: false,
    randomSequences: 5,
  });
});
