import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SqliteDriver, SqliteExecutor, SqlStateStore } from '../src/index.js';
import { postgresSettings } from '../src/settings/postgres-settings.js';

/** A store on a handle that is left as it is. */
function storeOn(file: string, pragmas: readonly string[]): SqlStateStore {
  const handle = new Database(file);
  onTestFinished(() => void handle.close());
  for (const pragma of pragmas) handle.pragma(pragma);
  const connect = () => ({ driver: handle as unknown as SqliteDriver, owned: false });
  const capabilities = { durable: true, shared: true, writeLanes: 1, hints: false };
  return new SqlStateStore(new SqliteExecutor({ connect }), { name: 'test', capabilities });
}

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'durable-settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'app.db');
}

describe('settings of SQLite', () => {
  it('are fine in WAL with full synchronisation', async () => {
    for (const synchronous of ['full', 'extra']) {
      const store = storeOn(scratchFile(), ['journal_mode = wal', `synchronous = ${synchronous}`]);
      expect(await store.checkSettings()).toEqual([]);
    }
  });

  it('a file that is not in WAL', async () => {
    const store = storeOn(scratchFile(), ['journal_mode = delete', 'synchronous = full']);
    expect(await store.checkSettings()).toMatchObject([
      { setting: 'journal_mode', value: 'delete', wanted: 'wal' },
    ]);
  });

  it('a file whose last writes a loss of power takes', async () => {
    const store = storeOn(scratchFile(), ['journal_mode = wal', 'synchronous = normal']);
    expect(await store.checkSettings()).toMatchObject([{ setting: 'synchronous', value: '1' }]);
  });

  it('do not matter in memory', async () => {
    const store = storeOn(':memory:', ['synchronous = off']);
    expect(await store.checkSettings()).toEqual([]);
  });
});

describe('versions of PostgreSQL', () => {
  const rule = postgresSettings.rules.find(({ setting }) => setting === 'server_version_num');

  it('are fine from 13 on', () => {
    expect(rule?.accepts('120022')).toBe(false);
    expect(rule?.accepts('130000')).toBe(true);
    expect(rule?.accepts('180001')).toBe(true);
  });
});
