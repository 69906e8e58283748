import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlFixtures } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMariaDb } from './open.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  const fixtures = new MySqlFixtures(server ?? '', openMariaDb);
  afterAll(() => fixtures.drop());

  describeStoreConformance('MikroORM on MariaDB', {
    create: () => fixtures.createFixture(),
    injectsFaults: true,
    faultStride: 5,
    randomSequences: 20,
  });
});
