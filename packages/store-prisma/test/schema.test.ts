import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { makeScratchFolder } from 'store-fixtures';
import { externalTables, PrismaStateStore } from '../src/index.js';
import { sqliteClient } from './clients.js';
import { describeSchemaTools } from './schema-suite.js';

describeSchemaTools({
  provider: 'sqlite',
  external: externalTables(),
  open: async () => {
    const folder = await makeScratchFolder();
    const url = `file:${join(folder, 'app.db')}`;
    const prisma = sqliteClient(url);
    const store = new PrismaStateStore(prisma);
    return {
      store,
      adapter: () => new PrismaBetterSqlite3({ url }),
      dispose: async () => {
        await store.close();
        await prisma.$disconnect();
        await rm(folder, { recursive: true });
      },
    };
  },
});
