import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableEngine, type NewRun, type StateStore } from '@dudousxd/nestjs-durable-core';
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import Database from 'better-sqlite3';
import { DataSource, type DataSourceOptions, EntitySchema } from 'typeorm';
import { beforeEach, describe, expect, test } from 'vitest';
import { type TypeOrmDataSource, TypeOrmStateStore } from '../src/index.js';

const Note = new EntitySchema<{ id: number }>({
  name: 'notes',
  columns: { id: { type: 'integer', primary: true } },
});

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
function make(handle: unknown): TypeOrmStateStore {
  return new TypeOrmStateStore(handle as TypeOrmDataSource);
}

function sqlite(database: string, driver: typeof Database = Database): DataSource {
  return new DataSource({
    ...{ type: 'better-sqlite3', database, driver, entities: [Note], synchronize: true },
  });
}

describe('a handle that the store cannot work on', () => {
  const options: DataSourceOptions = { type: 'postgres' };

  test.each([
    ['nothing', undefined, /undefined.*new TypeOrmStateStore\(dataSource\)/],
    ['a URL', 'postgres://localhost', /a string.*Pass the DataSource/],
    ['the options', options, /the options of a DataSource.*initialize it/],
    ['the bare driver', new Database(':memory:'), /a Database.*Pass the DataSource/],
    [
      'another database',
      new DataSource({ type: 'sqljs', driver: {} }),
      /type "sqljs".*"postgres", "mysql", "mariadb", "better-sqlite3" so far/,
    ],
  ])('%s is refused with what to pass instead', (_, handle, message) => {
    expect(() => make(handle)).toThrow(UnsupportedHandleError);
    expect(() => make(handle)).toThrow(message);
  });

  test('an EntityManager, that of a transaction and a QueryRunner are refused', async () => {
    const dataSource = await sqlite(':memory:').initialize();
    expect(() => make(dataSource.manager)).toThrow(/an EntityManager.*Pass the DataSource/);
    await dataSource.transaction(async (manager) => {
      // @ts-expect-error an EntityManager is no DataSource
      expect(() => new TypeOrmStateStore(manager)).toThrow(UnsupportedHandleError);
      expect(() => make(manager)).toThrow(/EntityManager of a transaction.*gone/);
      expect(() => make(manager.queryRunner)).toThrow(/a QueryRunner.*gone/);
    });
    await dataSource.destroy();
  });

  test('a read-only database is refused at the first use', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    const database = join(folder, 'app.db');
    new Database(database).exec('create table t (id)').close();
    const dataSource = new DataSource({ type: 'better-sqlite3', database, readonly: true });
    await dataSource.initialize();
    await expect(make(dataSource).migrate()).rejects.toThrow(/read-only.*without the option/);
    await dataSource.destroy();
    await rm(folder, { recursive: true });
  });
});

describe('a DataSource that is not initialized', () => {
  test('stops the start of the application, saying what to do', async () => {
    const engine = new DurableEngine({ store: make(sqlite(':memory:')) });
    await expect(engine.start()).rejects.toMatchObject({
      code: 'UNSUPPORTED_HANDLE',
      message: expect.stringMatching(/not initialized.*await dataSource\.initialize\(\)/),
    });
  });

  test('may be initialized after the store is made', async () => {
    const dataSource = sqlite(':memory:');
    const store = make(dataSource);
    await expect(store.migrate()).rejects.toThrow(/not initialized/);
    await dataSource.initialize();
    await store.migrate();
    await create(store, 'r1');
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    await store.close();
    await dataSource.destroy();
  });

  test('can be left alone: the store closes', async () => {
    const dataSource = sqlite(':memory:');
    const store = make(dataSource);
    await store.close();
    await dataSource.initialize();
    await expect(store.migrate()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await dataSource.destroy();
  });
});

describe('a database file', () => {
  let file: string;

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'durable-handles-'));
    file = join(folder, 'app.db');
    return () => rm(folder, { recursive: true });
  });

  test('gets a handle of the store beside the DataSource’s, durable and without waiting', async () => {
    const opened: Database.Database[] = [];
    class WatchedDatabase extends Database {
      constructor(name?: string, options?: Database.Options) {
        super(name, options);
        opened.push(this);
      }
    }
    const dataSource = await sqlite(file, WatchedDatabase as typeof Database).initialize();
    const store = make(dataSource);
    expect(store.capabilities).toMatchObject({ durable: true, shared: true });
    await store.migrate();
    const [theirs, ours] = opened;
    expect(opened).toHaveLength(2);
    const settings = ['journal_mode', 'synchronous', 'busy_timeout'].map((name) =>
      ours?.pragma(name, { simple: true }),
    );
    expect(settings).toEqual(['wal', 2, 0]);
    // The application's own settings stay.
    expect(theirs?.pragma('busy_timeout', { simple: true })).toBe(5000);
    await store.close();
    expect(ours?.open).toBe(false);
    expect(theirs?.open).toBe(true);
    await dataSource.destroy();
  });

  test('keeps the application’s transaction and the store’s apart', async () => {
    const dataSource = await sqlite(file).initialize();
    const store = make(dataSource);
    await store.migrate();
    let created: Promise<void> | undefined;
    const rolledBack = dataSource.transaction(async (manager) => {
      await manager.insert(Note, { id: 1 });
      // It waits for the write lock, which this transaction holds.
      created = create(store, 'r1');
      throw new Error('the application rolls back');
    });
    await expect(rolledBack).rejects.toThrow('rolls back');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    expect(await dataSource.manager.count(Note)).toBe(0);
    await store.close();
    await dataSource.destroy();
  });
});

describe('a database in memory', () => {
  test('is used through the DataSource’s handle, between its transactions', async () => {
    const dataSource = await sqlite(':memory:').initialize();
    const store = make(dataSource);
    expect(store.capabilities).toMatchObject({ durable: false, shared: false });
    await store.migrate();
    let created: Promise<void> | undefined;
    let done = false;
    const rolledBack = dataSource.transaction(async (manager) => {
      await manager.insert(Note, { id: 1 });
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
    expect(await dataSource.manager.count(Note)).toBe(0);
    await store.close();
    expect(dataSource.isInitialized).toBe(true);
    expect(await dataSource.query('select count(*) as n from durable_runs')).toEqual([{ n: 1 }]);
    await dataSource.destroy();
  });
});
