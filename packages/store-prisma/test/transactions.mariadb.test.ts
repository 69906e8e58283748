import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySql } from './open.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  const orms = new MySqlOrms(server ?? '', openMySql);
  afterAll(() => orms.drop());

  describeTransactionConformance('Prisma on MariaDB', {
    create: () => orms.createFixture(),
  });
});
