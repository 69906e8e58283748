import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { makeScratchFolder } from 'store-fixtures';
import { describe } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';
import { describeDoctor } from './doctor-suite.js';

describe('the doctor on SQLite', () => {
  describeDoctor(async () => {
    const folder = await makeScratchFolder();
    const client = new Database(join(folder, 'app.db'));
    return {
      open: () => new DrizzleStateStore(drizzle(client)),
      execute: async (sql) => void client.exec(sql),
      dispose: async () => {
        client.close();
        await rm(folder, { recursive: true });
      },
    };
  });
});
