import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewRun, StateStore } from '@dudousxd/nestjs-durable-core';
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import { defineEntity, MikroORM, NodeSqliteDialect, p, RequestContext } from '@mikro-orm/sqlite';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { type MikroOrm, MikroOrmStateStore } from '../src/index.js';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary() } });

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
function make(handle: unknown): MikroOrmStateStore {
  return new MikroOrmStateStore(handle as MikroOrm);
}

/** MikroORM that has not connected. */
function sqlite(dbName: string): MikroORM {
  return new MikroORM({ dbName, entities: [Note] });
}

describe('a handle that the store cannot work on', () => {
  const otherDriver = {
    ...sqlite(':memory:').em,
    getDriver: () => ({ getDependencies: () => ['kysely', 'mssql'] }),
    getConnection: () => ({}),
    isInTransaction: () => false,
  };

  test.each([
    ['nothing', undefined, /undefined.*new MikroOrmStateStore\(orm\)/],
    ['a URL', 'postgres://localhost', /a string.*Pass the ORM/],
    ['the options', { dbName: 'app' }, /the options of MikroORM.*new MikroORM\(options\)/],
    ['a promise', Promise.resolve(), /a promise.*Await MikroORM\.init\(\)/],
    ['the bare driver', new Database(':memory:'), /a Database.*Pass the ORM/],
    [
      'another database',
      otherDriver,
      /kysely and mssql.*postgresql, mysql, mariadb and sqlite so far/,
    ],
  ])('%s is refused with what to pass instead', (_, handle, message) => {
    expect(() => make(handle)).toThrow(UnsupportedHandleError);
    expect(() => make(handle)).toThrow(message);
  });

  test('the EntityManager of a transaction is refused', async () => {
    const orm = sqlite(':memory:');
    await orm.em.transactional(async (em) => {
      expect(() => new MikroOrmStateStore(em)).toThrow(UnsupportedHandleError);
      expect(() => make(em)).toThrow(/EntityManager of a transaction.*gone/);
    });
    await orm.close();
  });

  test('a Kysely of the application’s own is refused at the first use', async () => {
    const orm = new MikroORM({
      dbName: ':memory:',
      entities: [Note],
      driverOptions: new NodeSqliteDialect(':memory:'),
    });
    await expect(make(orm).migrate()).rejects.toThrow(UnsupportedHandleError);
    await expect(make(orm).migrate()).rejects.toThrow(/Kysely.*options of the connection/);
    await orm.close();
  });
});

describe('an ORM that has not connected', () => {
  test('is connected at the first use', async () => {
    const orm = sqlite(':memory:');
    const store = make(orm);
    expect(await orm.isConnected()).toBe(false);
    await store.migrate();
    expect(await orm.isConnected()).toBe(true);
    await create(store, 'r1');
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    await store.close();
    await orm.close();
  });

  test('is tried again when it could not connect', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    const orm = sqlite(join(folder, 'later', 'app.db'));
    const store = make(orm);
    await expect(store.migrate()).rejects.toThrow(/directory does not exist/);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(folder, 'later'));
    await store.migrate();
    await store.close();
    await orm.close();
    await rm(folder, { recursive: true });
  });
});

test.each([
  ['the global EntityManager', (orm: MikroORM) => orm.em],
  ['a fork', (orm: MikroORM) => orm.em.fork()],
])('%s is as good as the ORM', async (_, emOf) => {
  const orm = sqlite(':memory:');
  const store = new MikroOrmStateStore(emOf(orm));
  await RequestContext.create(orm.em, async () => {
    await store.migrate();
    await create(store, 'r1');
  });
  expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
  await store.close();
  await orm.close();
});

describe('a database file', () => {
  let file: string;

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    file = join(folder, 'app.db');
    return () => rm(folder, { recursive: true });
  });

  test('gets a handle of the store beside MikroORM’s, durable and without waiting', async () => {
    const orm = sqlite(file);
    const theirs = await orm.em.getConnection().getNativeClient();
    const opened: Database.Database[] = [];
    class WatchedDatabase extends Database {
      constructor(name?: string, options?: Database.Options) {
        super(name, options);
        opened.push(this);
      }
    }
    Object.defineProperty(theirs, 'constructor', { value: WatchedDatabase });
    const store = make(orm);
    expect(store.capabilities).toMatchObject({ durable: true, shared: true });
    await store.migrate();
    const [ours] = opened;
    const settings = ['journal_mode', 'synchronous', 'busy_timeout'].map((name) =>
      ours?.pragma(name, { simple: true }),
    );
    expect(settings).toEqual(['wal', 2, 0]);
    // The application's own settings stay.
    expect(theirs.pragma('busy_timeout', { simple: true })).toBe(5000);
    await store.close();
    expect(ours?.open).toBe(false);
    expect(theirs.open).toBe(true);
    await orm.close();
  });

  test('keeps the application’s transaction and the store’s apart', async () => {
    const orm = sqlite(file);
    await orm.schema.create();
    const store = make(orm);
    await store.migrate();
    let created: Promise<void> | undefined;
    const rolledBack = orm.em.transactional(async (em) => {
      await em.insert(Note, { id: 1 });
      // It waits for the write lock, which this transaction holds.
      created = create(store, 'r1');
      throw new Error('the application rolls back');
    });
    await expect(rolledBack).rejects.toThrow('rolls back');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    expect(await orm.em.fork().count(Note)).toBe(0);
    await store.close();
    await orm.close();
  });
});

describe('a database in memory', () => {
  test('is used through MikroORM’s handle, between its transactions', async () => {
    const orm = sqlite(':memory:');
    await orm.schema.create();
    const store = make(orm);
    expect(store.capabilities).toMatchObject({ durable: false, shared: false });
    await store.migrate();
    let created: Promise<void> | undefined;
    let done = false;
    const rolledBack = orm.em.transactional(async (em) => {
      await em.insert(Note, { id: 1 });
      created = create(store, 'r1').then(() => {
        done = true;
      });
      for (let turns = 0; turns < 100; turns += 1) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      expect(done).toBe(false);
      throw new Error('the application rolls back');
    });
    await expect(rolledBack).rejects.toThrow('rolls back');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    expect(await orm.em.fork().count(Note)).toBe(0);
    await store.close();
    expect(await orm.isConnected()).toBe(true);
    await orm.close();
  });
});
