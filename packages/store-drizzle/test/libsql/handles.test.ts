import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, createClient } from '@libsql/client';
import { drizzle } from 'drizzle-orm/libsql';
import { makeScratchFolder } from 'store-fixtures';
import { beforeEach, describe, expect, test } from 'vitest';
import { type DrizzleDatabase, DrizzleStateStore } from '../../src/index.js';
import { loadModules } from '../../src/libsql/modules.js';
import { claimed, newRun, transact } from './runs.js';

let folder: string;
let url: string;

beforeEach(async () => {
  folder = await makeScratchFolder();
  url = `file:${join(folder, 'app.db')}`;
  return () => rmSync(folder, { recursive: true });
});

function open(config: Config) {
  const client = createClient(config);
  const db = drizzle(client);
  return { client, db, store: new DrizzleStateStore(db) };
}

describe('a libSQL client that the store cannot work on', () => {
  test.each(['libsql://localhost:9', 'http://localhost:9', 'ws://localhost:9'])(
    'a server is refused at once: %s',
    (server) => {
      const client = createClient({ url: server });
      expect(() => new DrizzleStateStore(drizzle(client))).toThrow(
        /on a server \((http|ws)\).*drizzle\('file:app\.db'\)/,
      );
      client.close();
    },
  );

  test('Drizzle without a client is refused', () => {
    const db = drizzle.mock() as unknown as DrizzleDatabase;
    expect(() => new DrizzleStateStore(db)).toThrow(/files of @libsql\/client/);
  });

  test.each([
    ['in memory', () => ({ url: ':memory:' }), /in memory.*drizzle\('file:app\.db'\)/],
    ['encrypted', () => ({ url, encryptionKey: 'key' }), /encrypted.*without encryptionKey/],
    [
      'with integers as texts',
      () => ({ url, intMode: 'string' as const }),
      /intMode: 'string'.*'bigint'/,
    ],
  ])('%s is refused at the first use', async (_, config, message) => {
    const { client, store } = open(config());
    await client.execute('create table notes (id integer primary key)');
    const refused = store.migrate();
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_HANDLE' });
    await expect(refused).rejects.toThrow(message);
    await store.close();
    client.close();
  });

  test('a replica is refused: it has something to synchronize with', async () => {
    const { client, store } = open({ url });
    client.sync = async () => undefined;
    await expect(store.migrate()).rejects.toThrow(/replica of another \(syncUrl\)/);
    await store.close();
    client.close();
  });

  test('a client of another copy of libsql is refused', async () => {
    const { createClient: create, Database } = loadModules();
    class Other extends Database {
      static override readonly SqliteError = class SqliteError extends Error {};
    }
    const client = createClient({ url });
    const libsql = { createClient: create, Database: Other };
    const store = new DrizzleStateStore(drizzle(client), { libsql });
    await expect(store.migrate()).rejects.toThrow(/another copy of 'libsql'/);
    await store.close();
    client.close();
  });
});

describe('a libSQL file', () => {
  test('is durable, checked, and shared by processes', async () => {
    const { client, store } = open({ url });
    expect(store.capabilities).toEqual({
      durable: true,
      shared: true,
      writeLanes: 1,
      hints: false,
      transactions: true,
    });
    await store.migrate();
    expect(await store.checkSettings()).toEqual([]);
    // A connection knows the mode of the file when it has read from it.
    await client.execute('select id from durable_runs');
    const { rows } = await client.execute('pragma journal_mode');
    expect(rows).toMatchObject([{ journal_mode: 'wal' }]);
    await store.close();
    expect(client.closed).toBe(false);
    client.close();
  });

  test('is found wherever the process goes, and with any characters in its path', async () => {
    const odd = join(folder, 'ü %20 #?');
    mkdirSync(odd);
    const cwd = process.cwd();
    process.chdir(odd);
    const client = createClient({ url: 'file:app.db' });
    const store = new DrizzleStateStore(drizzle(client));
    process.chdir(cwd);
    const run = await claimed(store);
    expect(await store.getRun(run.id)).toMatchObject({ id: run.id });
    const outcome = await transact(store, run, async () => '1');
    expect(outcome).toMatchObject({ outcome: 'committed' });
    await store.close();
    client.close();
  });

  test('keeps the application’s transaction and the store’s apart', async () => {
    const { client, db, store } = open({ url });
    await client.execute('create table notes (id integer primary key)');
    await store.migrate();
    let created: Promise<unknown> | undefined;
    const rolledBack = db.transaction(async (tx) => {
      await tx.run('insert into notes values (1)');
      // It waits for the write lock, which this transaction holds.
      created = store.createRuns({ runs: [newRun], claim: null });
      // Who only reads does not wait.
      expect(await store.getRun(newRun.id)).toBeUndefined();
      throw new Error('the application rolls back');
    });
    await expect(rolledBack).rejects.toThrow('rolls back');
    await created;
    expect(await store.getRun(newRun.id)).toMatchObject({ status: 'pending' });
    expect((await client.execute('select * from notes')).rows).toEqual([]);
    await store.close();
    client.close();
  });

  test('refuses what libSQL would give back as another text', async () => {
    const { client, store } = open({ url });
    await store.migrate();
    const run = { ...newRun, workflow: 'a\u0000b' };
    await expect(store.createRuns({ runs: [run], claim: null })).rejects.toThrow(/NUL/);
    await store.close();
    client.close();
  });
});
