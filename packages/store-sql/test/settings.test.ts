import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SqliteDriver, SqliteExecutor, SqlStateStore } from '../src/index.js';
import { mysqlSettings } from '../src/settings/mysql-settings.js';
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

describe('settings of MySQL and MariaDB', () => {
  const accepts = (setting: string, value: string): boolean | undefined =>
    mysqlSettings.rules.find((rule) => rule.setting === setting)?.accepts(value);

  it.each([
    ['innodb_flush_log_at_trx_commit', '1', '2'],
    ['sync_binlog', '1', '0'],
    ['sync_binlog', 'no binary log', '100'],
    ['binlog_format', 'MIXED', 'STATEMENT'],
    ['binlog_format', 'no binary log', 'STATEMENT'],
    ['max_allowed_packet', '16777216', '1048576'],
    ['read_only', '0', '1'],
    ['version', '8.0.19', '8.0.18'],
    ['version', '9.7.4-2', '5.7.44-log'],
    ['version', '10.11.19-MariaDB-0+deb12u1', '10.5.29-MariaDB'],
    ['version', '11.4.2-MariaDB', '5.5.68-MariaDB'],
  ])('%s: %s is fine, %s is not', (setting, good, bad) => {
    expect(accepts(setting, good)).toBe(true);
    expect(accepts(setting, bad)).toBe(false);
  });
});
