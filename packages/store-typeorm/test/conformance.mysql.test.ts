import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlFixtures } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySqlAs } from './open.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  const fixtures = new MySqlFixtures(server ?? '', openMySqlAs('mysql'));
  afterAll(() => fixtures.drop());

  describeStoreConformance('TypeORM on MySQL', {
    create: () => fixtures.createFixture(),
    // The same executor as MariaDB's, on which all of the suite runs: here it would take minutes.
    injectsFaults: false,
    randomSequences: 5,
  });
});
