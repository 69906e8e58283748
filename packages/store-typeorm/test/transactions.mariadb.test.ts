import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySqlAs } from './open.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  const orms = new MySqlOrms(server ?? '', openMySqlAs('mariadb'));
  afterAll(() => orms.drop());

  describeTransactionConformance('TypeORM on MariaDB', {
    create: () => orms.createFixture(),
  });
});
