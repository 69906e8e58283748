import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySql } from './open.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  const orms = new MySqlOrms(server ?? '', openMySql);
  afterAll(() => orms.drop());

  describeTransactionConformance('Prisma on MySQL', {
    create: () => orms.createFixture(),
  });
});
