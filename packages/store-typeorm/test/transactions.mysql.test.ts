import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySqlAs } from './open.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  const orms = new MySqlOrms(server ?? '', openMySqlAs('mysql'));
  afterAll(() => orms.drop());

  describeTransactionConformance('TypeORM on MySQL', {
    create: () => orms.createFixture(),
  });
});
