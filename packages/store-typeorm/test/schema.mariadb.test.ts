import { MySqlDatabase } from 'store-fixtures';
import { DataSource } from 'typeorm';
import { describe, inject, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';
import { DurableSchema1 } from '../src/migrations.js';
import { describeSchema } from './schema-suite.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  describeSchema('MariaDB', async () => {
    const database = new MySqlDatabase(server ?? '');
    await database.create();
    return {
      options: { type: 'mariadb', url: database.url },
      listTables:
        'select t.table_name as name from information_schema.tables t where t.table_schema = database()',
      drop: () => database.drop(),
    };
  });

  test('as a migration, where the application calls the server MySQL', async () => {
    const database = new MySqlDatabase(server ?? '');
    await database.create();
    const migrations = [DurableSchema1];
    const dataSource = new DataSource({ type: 'mysql', url: database.url, migrations });
    await dataSource.initialize();
    await dataSource.runMigrations();
    await new TypeOrmStateStore(dataSource).verifySchema();
    await dataSource.destroy();
    await database.drop();
  });
});
