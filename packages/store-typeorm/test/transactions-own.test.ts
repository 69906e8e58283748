import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewRun, RunRecord, StateStore } from '@dudousxd/nestjs-durable-core';
import { makeScratchFolder } from 'store-fixtures';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { beforeEach, describe, expect, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';

const Note = new EntitySchema<{ id: number }>({
  name: 'notes',
  columns: { id: { type: 'integer', primary: true } },
});

const newRun: NewRun = {
  ...{ id: 'r1', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

async function claimed(store: StateStore): Promise<RunRecord> {
  await store.migrate();
  await store.heartbeat({ worker: 'w', namespace: 'default', leaseMs: 60_000, serves: ['order'] });
  const [created] = await store.createRuns({ runs: [newRun], claim: 'w' });
  if (!created || !('run' in created)) throw new Error('the run was not created');
  return created.run;
}

function transact(store: StateStore, run: RunRecord, work: (tx: EntityManager) => Promise<string>) {
  const { id: runId, branch, epoch } = run;
  const request = { runId, branch, epoch, worker: 'w', position: 1, name: 'pay', cause: 0 };
  return store.transaction(
    { ...request, attempt: 1 },
    {
      startedAt: 0,
      now: Date.now,
      work: (tx) => work(tx as EntityManager),
      mayCommit: () => true,
      isAbandoned: () => false,
    },
  );
}

function sqlite(database: string, more: object = {}): DataSource {
  return new DataSource({ type: 'better-sqlite3', database, entities: [Note], ...more });
}

describe('ctx.transaction on a SQLite file', () => {
  let file: string;
  let dataSource: DataSource;
  let store: TypeOrmStateStore;
  let run: RunRecord;

  beforeEach(async () => {
    const folder = await makeScratchFolder();
    file = join(folder, 'app.db');
    dataSource = await sqlite(file, { synchronize: true }).initialize();
    store = new TypeOrmStateStore(dataSource);
    run = await claimed(store);
    return async () => {
      await store.close();
      await dataSource.destroy();
      await rm(folder, { recursive: true });
    };
  });

  test('keeps queries of the application out of it', async () => {
    const rolledBack = transact(store, run, async (tx) => {
      await tx.insert(Note, { id: 1 });
      expect(await dataSource.manager.count(Note)).toBe(0);
      expect(await tx.count(Note)).toBe(1);
      throw new Error('no funds');
    });
    await expect(rolledBack).rejects.toThrow('no funds');
    expect(await dataSource.manager.count(Note)).toBe(0);
  });

  test('waits for a transaction of the application, and is the same attempt', async () => {
    let bodies = 0;
    let outcome: Promise<unknown> = Promise.resolve();
    await dataSource.transaction(async (manager) => {
      await manager.insert(Note, { id: 1 });
      outcome = transact(store, run, async (tx) => {
        bodies += 1;
        return String(await tx.count(Note));
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(bodies).toBe(0);
    });
    expect(await outcome).toMatchObject({
      outcome: 'committed',
      arrival: { body: { payload: '1', attempt: 1 } },
    });
    expect(bodies).toBe(1);
  });

  test('goes on after a body has ended its transaction by hand', async () => {
    const byHand = transact(store, run, async (tx) => {
      await tx.query('rollback');
      return '1';
    });
    await expect(byHand).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
    const next = transact(store, run, async (tx) => {
      await tx.insert(Note, { id: 1 });
      return '1';
    });
    expect(await next).toMatchObject({ outcome: 'committed' });
    expect(await dataSource.manager.count(Note)).toBe(1);
  });

  test('is closed to whoever still has its EntityManager', async () => {
    let stale: EntityManager | undefined;
    await transact(store, run, async (tx) => {
      stale = tx;
      return '1';
    });
    await expect(stale?.insert(Note, { id: 1 })).rejects.toThrow(/released/i);
    expect(() => store.createRunsIn(stale, [])).toThrow(/one that has ended/);
  });

  test('runs the application’s subscribers, and no migration or synchronization again', async () => {
    const seen: string[] = [];
    dataSource.subscribers.push({ afterInsert: () => void seen.push('insert') });
    // A synchronization would drop the column.
    await dataSource.query('alter table notes add column extra text');
    await transact(store, run, async (tx) => {
      await tx.insert(Note, { id: 1 });
      return '1';
    });
    expect(seen).toEqual(['insert']);
    expect(await dataSource.query('select id, extra from notes')).toEqual([{ id: 1, extra: null }]);
  });

  test('refuses the transaction of another DataSource', async () => {
    const other = await sqlite(file).initialize();
    await other.transaction(async (tx) => {
      expect(() => store.createRunsIn(tx, [])).toThrow(/another DataSource/);
      const runner = tx.queryRunner;
      expect(() => store.createRunsIn(runner, [])).toThrow(/a QueryRunner.*`manager`/);
    });
    await other.destroy();
  });
});

test('a database in memory has no transactions to share', async () => {
  const dataSource = await sqlite(':memory:').initialize();
  const store = new TypeOrmStateStore(dataSource);
  expect(store.capabilities.transactions).toBe(false);
  const run = await claimed(store);
  await expect(transact(store, run, async () => '1')).rejects.toMatchObject({
    code: 'TRANSACTIONS_UNSUPPORTED',
  });
  await store.close();
  await dataSource.destroy();
});
