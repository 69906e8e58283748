import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMariaDb } from './open.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  const orms = new MySqlOrms(server ?? '', openMariaDb);
  afterAll(() => orms.drop());

  describeTransactionConformance('MikroORM on MariaDB', {
    create: () => orms.createFixture(),
  });
});
