import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchDatabase, DatabaseKind } from './database.js';
import { SqliteRaw } from './sqlite-raw.js';

/** SQLite on a file, as the store opens it: WAL, `synchronous = FULL`. */
export const sqlite: DatabaseKind = {
  name: 'sqlite',
  title: 'SQLite',

  async open(): Promise<BenchDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'durable-bench-'));
    const file = join(folder, 'bench.sqlite');
    return {
      address: file,
      openRaw: () => SqliteRaw.open(file),
      statements: null,
      remove: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};
