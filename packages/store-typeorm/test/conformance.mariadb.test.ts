import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlFixtures } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySqlAs } from './open.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  const fixtures = new MySqlFixtures(server ?? '', openMySqlAs('mariadb'));
  afterAll(() => fixtures.drop());

  describeStoreConformance('TypeORM on MariaDB', {
    create: () => fixtures.createFixture(),
    injectsFaults: true,
    faultStride: 5,
    randomSequences: 20,
  });
});
