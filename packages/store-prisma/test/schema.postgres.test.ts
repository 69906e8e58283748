import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { externalTables, PrismaStateStore } from '../src/index.js';
import { postgresClient } from './clients.js';
import { describeSchemaTools } from './schema-suite.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('PostgreSQL', () => {
  describeSchemaTools({
    provider: 'postgresql',
    external: externalTables('public'),
    open: async () => {
      const database = new PostgresDatabase(server ?? '');
      await database.create();
      const pool = new Pool({ connectionString: database.url });
      const prisma = postgresClient(pool);
      const store = new PrismaStateStore(prisma, { pool });
      return {
        store,
        adapter: () => new PrismaPg(pool),
        dispose: async () => {
          await store.close();
          await prisma.$disconnect();
          await pool.end();
          await database.drop();
        },
      };
    },
  });
});
