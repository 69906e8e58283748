import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { PostgresDatabase } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { describeSchema } from './schema-suite.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  describeSchema('PostgreSQL', async () => {
    const database = new PostgresDatabase(server ?? '');
    await database.create();
    return {
      options: { driver: PostgreSqlDriver, clientUrl: database.url },
      listTables: "select tablename as name from pg_tables where schemaname = 'public'",
      drop: () => database.drop(),
    };
  });
});
