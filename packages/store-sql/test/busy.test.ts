import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  SqliteExecutor,
  SqlStateStore,
  StoreBusyError,
  StoreClosedError,
  UnsupportedHandleError,
} from '../src/index.js';
import { newRun } from './support/test-store.js';

let file: string;
/** Another connection, as another process has it. */
let other: Database.Database;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'durable-busy-'));
  file = join(folder, 'app.db');
  other = new Database(file, { timeout: 0 });
  return async () => {
    other.close();
    await rm(folder, { recursive: true });
  };
});

function open(busyTimeoutMs?: number): SqlStateStore {
  const executor = new SqliteExecutor({
    connect: () => ({ driver: new Database(file, { timeout: 0 }), owned: true }),
    ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }),
  });
  return new SqlStateStore(executor, {
    name: 'test',
    capabilities: { durable: true, shared: true, writeLanes: 1, hints: false },
  });
}

/** Lets the event loop turn. */
const turnLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a database that cannot be made durable is refused with the reason', async () => {
  const executor = new SqliteExecutor({
    connect: () => ({ driver: new Database(':memory:'), owned: true }),
  });
  await expect(executor.write(function* () {})).rejects.toThrow(UnsupportedHandleError);
  await expect(executor.write(function* () {})).rejects.toThrow(
    /journal mode "memory".*local disk/,
  );
  await executor.close();
});

describe('a database that another connection has locked', () => {
  test('is waited for without blocking the event loop, first come, first served', async () => {
    const store = open();
    await store.migrate();
    other.exec('begin immediate');
    const order: number[] = [];
    const call = async (n: number): Promise<void> => {
      await store.createRuns({ runs: [newRun(`r${n}`)], claim: null });
      order.push(n);
    };
    const calls = [1, 2, 3, 4].map(call);
    for (let turns = 0; turns < 200; turns += 1) await turnLoop();
    expect(order).toEqual([]);
    // Who only reads waits for nobody.
    expect(await store.getRun('r1')).toBeUndefined();
    other.exec('commit');
    // The lock is free, but others were here before.
    calls.push(call(5));
    await Promise.all(calls);
    expect(order).toEqual([1, 2, 3, 4, 5]);
    await store.close();
  });

  test('for too long is an error that says so, and nothing is written', async () => {
    const store = open(40);
    await store.migrate();
    other.exec('begin immediate');
    const call = store.terminate({ runId: 'r1', reason: 'test', onlyIf: 'nonTerminal' });
    await expect(call).rejects.toThrow(StoreBusyError);
    await expect(call).rejects.toMatchObject({
      code: 'STORE_BUSY',
      cause: { code: 'SQLITE_BUSY' },
      message: expect.stringMatching(/locked for \d+ ms/),
    });
    const start = await store.createRuns({ runs: [newRun('r1')], claim: null });
    expect(start).toEqual([{ outcome: 'busy' }]);
    other.exec('rollback');
    expect(await store.getRun('r1')).toBeUndefined();
    const created = await store.createRuns({ runs: [newRun('r1')], claim: null });
    expect(created.map(({ outcome }) => outcome)).toEqual(['created']);
    await store.close();
  });

  test('while it is opened for the first time', async () => {
    other.exec('create table theirs (id integer)');
    other.exec('begin exclusive');
    const store = open();
    const migrated = store.migrate();
    for (let turns = 0; turns < 50; turns += 1) await turnLoop();
    other.exec('commit');
    await migrated;
    await store.verifySchema();
    await store.close();
  });

  test('does not keep a store from closing: what waits is refused', async () => {
    const store = open();
    await store.migrate();
    other.exec('begin immediate');
    const call = store.createRuns({ runs: [newRun('r1')], claim: null });
    await store.close();
    await expect(call).rejects.toThrow(StoreClosedError);
    await expect(store.getRun('r1')).rejects.toThrow(StoreClosedError);
    other.exec('commit');
  });
});
