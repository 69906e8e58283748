import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewRun, StateStore } from '@dudousxd/nestjs-durable-core';
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { type DrizzleDatabase, DrizzleStateStore } from '../src/index.js';

const notes = sqliteTable('notes', { id: integer().primaryKey() });

function newRun(id: string): NewRun {
  return {
    ...{ id, namespace: 'default', workflow: 'order', version: '1', input: '{}' },
    ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
    ...{ startAt: null, timeoutMs: null },
  };
}

async function create(store: StateStore, id: string): Promise<void> {
  await store.createRuns({ runs: [newRun(id)], claim: null });
}

/** What JavaScript lets people pass. */
function make(db: unknown): DrizzleStateStore {
  return new DrizzleStateStore(db as DrizzleDatabase);
}

describe('a handle that the store cannot work on', () => {
  test.each([
    ['nothing', undefined, /undefined.*Pass the database that drizzle\(\)/],
    ['a path', 'app.db', /a string.*new DrizzleStateStore\(db\)/],
    ['the bare driver', new Database(':memory:'), /bare better-sqlite3 handle.*drizzle\(\)/],
    [
      'a Drizzle mock',
      drizzle.mock(),
      /without a driver.*better-sqlite3 and pools of node-postgres, mysql2 and mariadb so far/,
    ],
    [
      'Drizzle on another database',
      { $client: new (class Pool {})() },
      /a Drizzle database over a Pool.*better-sqlite3 and pools of node-postgres, mysql2 and mariadb so far/,
    ],
  ])('%s is refused with what to pass instead', (_, db, message) => {
    expect(() => make(db)).toThrow(UnsupportedHandleError);
    expect(() => make(db)).toThrow(message);
  });

  test('the handle of a transaction is refused', () => {
    const db = drizzle(new Database(':memory:'));
    db.transaction((tx) => {
      // @ts-expect-error a transaction has no $client
      expect(() => new DrizzleStateStore(tx)).toThrow(UnsupportedHandleError);
      expect(() => make(tx)).toThrow(/handle of a transaction.*gone when the transaction ends/);
    });
  });

  test('a closed and a read-only database are refused', async () => {
    const closed = drizzle(new Database(':memory:'));
    closed.$client.close();
    expect(() => new DrizzleStateStore(closed)).toThrow(/closed.*keep it open/);
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    const file = join(folder, 'app.db');
    new Database(file).exec('create table t (id)').close();
    const readonly = drizzle(new Database(file, { readonly: true }));
    expect(() => new DrizzleStateStore(readonly)).toThrow(/read-only.*without the option/);
    readonly.$client.close();
    await rm(folder, { recursive: true });
  });
});

describe('a database file', () => {
  let file: string;

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    file = join(folder, 'app.db');
    return () => rm(folder, { recursive: true });
  });

  test('gets a handle of the store beside the application’s, durable and without waiting', async () => {
    const opened: Database.Database[] = [];
    class WatchedDatabase extends Database {
      constructor(name?: string, options?: Database.Options) {
        super(name, options);
        opened.push(this);
      }
    }
    const client = new WatchedDatabase(file);
    const store = new DrizzleStateStore(drizzle(client));
    expect(store.capabilities).toEqual({
      durable: true,
      shared: true,
      writeLanes: 1,
      hints: false,
      transactions: true,
    });
    await store.migrate();
    const [theirs, ours] = opened;
    expect(theirs).toBe(client);
    expect(opened).toHaveLength(2);
    const settings = (db: Database.Database | undefined) =>
      ['journal_mode', 'synchronous', 'busy_timeout'].map((name) =>
        db?.pragma(name, { simple: true }),
      );
    expect(settings(ours)).toEqual(['wal', 2, 0]);
    // The application's own settings stay.
    expect(client.pragma('busy_timeout', { simple: true })).toBe(5000);
    await store.close();
    expect(ours?.open).toBe(false);
    expect(client.open).toBe(true);
    client.close();
  });

  test('is found however its path was given, and wherever the process goes', async () => {
    const cwd = process.cwd();
    const client = new Database(file);
    const db = drizzle(client);
    const store = new DrizzleStateStore(db);
    try {
      process.chdir(tmpdir());
      await store.migrate();
    } finally {
      process.chdir(cwd);
    }
    expect(
      client.prepare("select name from sqlite_master where name = 'durable_runs'").all(),
    ).toHaveLength(1);
    await store.close();
    client.close();
  });

  test('keeps the application’s transaction and the store’s apart', async () => {
    const client = new Database(file);
    const db = drizzle(client);
    client.exec('create table notes (id integer primary key)');
    const store = new DrizzleStateStore(db);
    await store.migrate();
    client.exec('begin');
    db.insert(notes).values({ id: 1 }).run();
    const created = create(store, 'r1');
    client.exec('rollback');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    expect(db.select().from(notes).all()).toEqual([]);
    await store.close();
    client.close();
  });
});

describe('a database in memory', () => {
  let client: Database.Database;
  let store: DrizzleStateStore;

  beforeEach(async () => {
    client = new Database(':memory:');
    client.exec('create table notes (id integer primary key)');
    // An application that wants BigInts of its own handle.
    client.defaultSafeIntegers(true);
    store = new DrizzleStateStore(drizzle(client));
    await store.migrate();
    return async () => {
      await store.close();
      client.close();
    };
  });

  test('is used through the application’s handle, which stays open', async () => {
    expect(store.capabilities).toEqual({
      durable: false,
      shared: false,
      writeLanes: 1,
      hints: false,
      transactions: true,
    });
    await create(store, 'r1');
    expect(client.prepare('select epoch from durable_runs').get()).toEqual({ epoch: 0n });
    expect(await store.getRun('r1')).toMatchObject({ epoch: 0 });
    await store.close();
    expect(client.open).toBe(true);
  });

  test('is waited for while a transaction of the application is open on it', async () => {
    const db = drizzle(client);
    client.exec('begin');
    db.insert(notes).values({ id: 1 }).run();
    let done = false;
    const created = create(store, 'r1').then(() => {
      done = true;
    });
    for (let turns = 0; turns < 100; turns += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(done).toBe(false);
    client.exec('rollback');
    await created;
    expect(client.prepare('select count(*) as n from notes').get()).toEqual({ n: 0n });
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
  });

  test('a call from inside the application’s transaction is done after it', async () => {
    const db = drizzle(client);
    let created: Promise<void> | undefined;
    expect(() =>
      db.transaction(() => {
        created = create(store, 'r1');
        throw new Error('the application rolls back');
      }),
    ).toThrow('rolls back');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
  });
});
