import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewRun, RunRecord, StateStore } from '@dudousxd/nestjs-durable-core';
import { defineEntity, type EntityManager, MikroORM, p } from '@mikro-orm/sqlite';
import { makeScratchFolder } from 'store-fixtures';
import { beforeEach, describe, expect, test } from 'vitest';
import { MikroOrmStateStore } from '../src/index.js';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary() } });

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

function transact(
  store: StateStore,
  run: RunRecord,
  work: (tx: EntityManager) => Promise<string>,
  position = 1,
  mayCommit = () => true,
) {
  const { id: runId, branch, epoch } = run;
  const request = { runId, branch, epoch, worker: 'w', position, name: 'pay', cause: 0 };
  return store.transaction(
    { ...request, attempt: 1 },
    {
      startedAt: 0,
      now: Date.now,
      work: (tx) => work(tx as EntityManager),
      mayCommit,
      isAbandoned: () => false,
    },
  );
}

function sqlite(dbName: string): MikroORM {
  return new MikroORM({ dbName, entities: [Note] });
}

describe('ctx.transaction on a SQLite file', () => {
  let file: string;
  let orm: MikroORM;
  let store: MikroOrmStateStore;
  let run: RunRecord;

  beforeEach(async () => {
    const folder = await makeScratchFolder();
    file = join(folder, 'app.db');
    orm = sqlite(file);
    await orm.schema.create();
    store = new MikroOrmStateStore(orm);
    run = await claimed(store);
    return async () => {
      await store.close();
      await orm.close();
      await rm(folder, { recursive: true });
    };
  });

  test('keeps queries of the application out of it', async () => {
    const outside = orm.em.fork();
    const rolledBack = transact(store, run, async (tx) => {
      await tx.insert(Note, { id: 1 });
      expect(await outside.count(Note)).toBe(0);
      expect(await tx.count(Note)).toBe(1);
      throw new Error('no funds');
    });
    await expect(rolledBack).rejects.toThrow('no funds');
    expect(await outside.count(Note)).toBe(0);
  });

  test('waits for a transaction of the application, and is the same attempt', async () => {
    let bodies = 0;
    let outcome: Promise<unknown> = Promise.resolve();
    await orm.em.fork().transactional(async (manager) => {
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
      await tx.execute('rollback');
      return '1';
    });
    await expect(byHand).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
    const next = transact(store, run, async (tx) => {
      await tx.insert(Note, { id: 1 });
      return '1';
    });
    expect(await next).toMatchObject({ outcome: 'committed' });
    expect(await orm.em.fork().count(Note)).toBe(1);
  });

  test('is closed to whoever still has its EntityManager', async () => {
    let stale: EntityManager | undefined;
    await transact(store, run, async (tx) => {
      stale = tx;
      return '1';
    });
    await expect(stale?.insert(Note, { id: 1 })).rejects.toThrow(
      /already (committed|rolled back)/i,
    );
    expect(() => store.createRunsIn(stale, [])).toThrow(/one that has ended/);
  });

  test('sends what was persisted before the checkpoint', async () => {
    let heldBack = -1;
    let em: EntityManager | undefined;
    const outcome = transact(
      store,
      run,
      async (tx) => {
        em = tx;
        tx.persist(tx.create(Note, { id: 1 }));
        return '1';
      },
      1,
      () => {
        heldBack = em?.getUnitOfWork().getPersistStack().size ?? -1;
        return true;
      },
    );
    expect(await outcome).toMatchObject({ outcome: 'committed' });
    expect(heldBack).toBe(0);
    expect(await orm.em.fork().count(Note)).toBe(1);
    const other = orm.em.fork();
    await other.insert(Note, { id: 2 });
    // The statement of the unit of work is what has failed, and not the transaction's end.
    const failing = transact(
      store,
      run,
      async (tx) => {
        for (const id of [3, 2]) tx.persist(tx.create(Note, { id }));
        return '2';
      },
      2,
    );
    await expect(failing).rejects.toMatchObject({ name: 'UniqueConstraintViolationException' });
    expect(await other.count(Note)).toBe(2);
  });

  test('has an identity map of its own, and its own filters and subscribers are the ORM’s', async () => {
    const seen: unknown[] = [];
    orm.em.getEventManager().registerSubscriber({
      afterCreate: ({ entity }) => void seen.push(entity),
    });
    const em = orm.em.fork();
    await em.insert(Note, { id: 1 });
    const loaded = await em.findOneOrFail(Note, 1);
    const bound = new MikroOrmStateStore(em);
    await transact(bound, run, async (tx) => {
      expect(await tx.findOneOrFail(Note, 1)).not.toBe(loaded);
      tx.persist(tx.create(Note, { id: 2 }));
      // The global EntityManager stands for the transaction's while that is open.
      expect(orm.em.isInTransaction()).toBe(true);
      return '1';
    });
    expect(seen).toMatchObject([{ id: 2 }]);
    expect(em.getUnitOfWork().getIdentityMap().keys()).toHaveLength(1);
    await bound.close();
  });

  test('refuses the transaction of another ORM', async () => {
    const other = sqlite(file);
    await other.em.fork().transactional(async (tx) => {
      expect(() => store.createRunsIn(tx, [])).toThrow(/another ORM/);
      expect(() => store.createRunsIn(orm, [])).toThrow(/the ORM\. Pass/);
    });
    await other.close();
  });
});

test('a database in memory has no transactions to share', async () => {
  const orm = sqlite(':memory:');
  const store = new MikroOrmStateStore(orm);
  expect(store.capabilities.transactions).toBe(false);
  const run = await claimed(store);
  await expect(transact(store, run, async () => '1')).rejects.toMatchObject({
    code: 'TRANSACTIONS_UNSUPPORTED',
  });
  await store.close();
  await orm.close();
});
