import { MariaDbDriver } from '@mikro-orm/mariadb';
import { MySqlDatabase } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { describeSchema } from './schema-suite.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  describeSchema('MariaDB', async () => {
    const database = new MySqlDatabase(server ?? '');
    await database.create();
    return {
      options: { driver: MariaDbDriver, clientUrl: database.url },
      listTables:
        'select t.table_name as name from information_schema.tables t where t.table_schema = database()',
      drop: () => database.drop(),
    };
  });
});
