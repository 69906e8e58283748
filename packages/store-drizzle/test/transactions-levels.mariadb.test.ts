import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { MySqlOrms } from 'store-fixtures';
import { afterAll, describe, inject } from 'vitest';
import { openMySqlAt } from './open.js';

const server = inject('mariadbUrl');

/** The level of an application's connections is its own; the default, REPEATABLE READ, is in the other files. */
describe.skipIf(server === undefined).each(['READ COMMITTED', 'SERIALIZABLE'])(
  'MariaDB at %s',
  (level) => {
    const orms = new MySqlOrms(server ?? '', openMySqlAt(level));
    afterAll(() => orms.drop());

    describeTransactionConformance(`Drizzle at ${level} on MariaDB`, {
      create: () => orms.createFixture(),
    });
  },
);
