import { MySqlDriver } from '@mikro-orm/mysql';
import { MySqlDatabase } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { describeSchema } from './schema-suite.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  describeSchema('MySQL', async () => {
    const database = new MySqlDatabase(server ?? '');
    await database.create();
    return {
      options: { driver: MySqlDriver, clientUrl: database.url },
      listTables:
        'select t.table_name as name from information_schema.tables t where t.table_schema = database()',
      drop: () => database.drop(),
    };
  });
});
