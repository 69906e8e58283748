import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewRun, StateStore } from '@dudousxd/nestjs-durable-core';
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { makeScratchFolder } from 'store-fixtures';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type PrismaClientLike,
  PrismaStateStore,
  type PrismaStateStoreOptions,
} from '../src/index.js';
import { sqliteClient } from './clients.js';

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
function make(prisma: unknown, options: object = {}): PrismaStateStore {
  return new PrismaStateStore(prisma as PrismaClientLike, options as PrismaStateStoreOptions);
}

/** A client of another provider, as far as the constructor looks at it. */
function fakeClient(provider?: string): object {
  const method = (): Promise<void> => Promise.resolve();
  const raw = { $queryRawUnsafe: method, $executeRawUnsafe: method };
  const client = { ...raw, $connect: method, $transaction: method };
  return provider === undefined ? client : { ...client, _activeProvider: provider };
}

describe('a handle that the store cannot work on', () => {
  test.each([
    ['nothing', undefined, {}, /undefined.*Pass the PrismaClient/],
    ['a path', 'app.db', {}, /a string.*new PrismaStateStore\(prisma\)/],
    ['a bare driver', new Database(':memory:'), {}, /a Database.*Pass the PrismaClient/],
    [
      'another database',
      fakeClient('sqlserver'),
      {},
      /provider "sqlserver".*postgresql, mysql, sqlite/,
    ],
    ['a client that is silent', fakeClient(), {}, /does not tell.*\{ provider: 'postgresql' \}/],
    [
      'a pool of another kind',
      fakeClient('postgresql'),
      { pool: { connect: () => undefined } },
      /without a driver as the pool.*Pass the pg\.Pool that the adapter was made with/,
    ],
    [
      'MySQL without its pool',
      fakeClient('mysql'),
      {},
      /without its pool.*createPool.*new PrismaMariaDb\(pool\).*\{ pool \}/,
    ],
    [
      'a pool of PostgreSQL beside MySQL',
      fakeClient('mysql'),
      { pool: new Pool() },
      /BoundPool as the pool.*createPool/,
    ],
    ['a pool beside SQLite', fakeClient('sqlite'), { pool: {} }, /Pass no pool/],
  ])('%s is refused with what to pass instead', (_, prisma, options, message) => {
    expect(() => make(prisma, options)).toThrow(UnsupportedHandleError);
    expect(() => make(prisma, options)).toThrow(message);
  });

  test('the client of a transaction is refused, an extended client is not', async () => {
    const folder = await makeScratchFolder();
    const prisma = sqliteClient(`file:${join(folder, 'app.db')}`);
    const extended = prisma.$extends({ client: { hello: () => 'hello' } });
    const refused = /client of a transaction.*gone when the transaction ends/;
    await prisma.$transaction(async (tx) => {
      // @ts-expect-error a transaction has no $connect
      expect(() => new PrismaStateStore(tx)).toThrow(refused);
    });
    await extended.$transaction(async (tx) => {
      expect(() => make(tx)).toThrow(refused);
    });
    const store = new PrismaStateStore(extended);
    await store.migrate();
    await store.close();
    await prisma.$disconnect();
    await rm(folder, { recursive: true });
  });

  test('a database in memory is refused at the first use, which can be tried again', async () => {
    const prisma = sqliteClient(':memory:');
    const store = new PrismaStateStore(prisma);
    for (let tries = 0; tries < 2; tries += 1) {
      await expect(store.migrate()).rejects.toThrow(/not a file.*InMemoryStateStore/);
    }
    await store.close();
    await prisma.$disconnect();
  });
});

describe('a database file', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await makeScratchFolder();
    file = join(folder, 'app.db');
    return () => rm(folder, { recursive: true });
  });

  test('gets a handle of the store, durable and without waiting', async () => {
    const opened: Database.Database[] = [];
    class WatchedDatabase extends Database {
      constructor(name?: string, options?: Database.Options) {
        super(name, options);
        opened.push(this);
      }
    }
    const prisma = sqliteClient(`file:${file}`);
    const store = new PrismaStateStore(prisma, { sqlite: WatchedDatabase });
    expect(store.capabilities).toEqual({
      ...{ durable: true, shared: true, writeLanes: 1, hints: false, transactions: true },
    });
    // Nothing is opened before the first use.
    expect([opened.length, existsSync(file)]).toEqual([0, false]);
    await Promise.all([store.migrate(), store.migrate()]);
    const [ours] = opened;
    expect(opened).toHaveLength(1);
    const settings = ['journal_mode', 'synchronous', 'busy_timeout'].map((name) =>
      ours?.pragma(name, { simple: true }),
    );
    expect(settings).toEqual(['wal', 2, 0]);
    await store.close();
    expect(ours?.open).toBe(false);
    expect(await prisma.$queryRaw`select 1 as one`).toEqual([{ one: 1n }]);
    await prisma.$disconnect();
  });

  test('is found by a relative path, wherever the process goes', async () => {
    const cwd = process.cwd();
    let store: PrismaStateStore;
    try {
      process.chdir(folder);
      const prisma = sqliteClient('file:./app.db');
      await prisma.$connect();
      store = new PrismaStateStore(prisma);
      process.chdir(cwd);
      await store.migrate();
      await prisma.$disconnect();
    } finally {
      process.chdir(cwd);
    }
    await store.close();
    const reader = new Database(file, { readonly: true });
    const tables = reader.prepare("select name from sqlite_master where name = 'durable_runs'");
    expect(tables.all()).toHaveLength(1);
    reader.close();
  });

  test('keeps the application’s transaction and the store’s apart', async () => {
    const prisma = sqliteClient(`file:${file}`);
    await prisma.$executeRaw`create table notes (id integer primary key, text text not null)`;
    const store = new PrismaStateStore(prisma);
    await store.migrate();
    let created: Promise<void> | undefined;
    const failed = prisma.$transaction(async (tx) => {
      await tx.note.create({ data: { id: 1, text: 'a' } });
      created = create(store, 'r1');
      throw new Error('the application rolls back');
    });
    await expect(failed).rejects.toThrow('rolls back');
    await created;
    expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
    expect(await prisma.note.count()).toBe(0);
    await store.close();
    await prisma.$disconnect();
  });
});
