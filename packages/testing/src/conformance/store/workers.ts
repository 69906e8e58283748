import { DEAD_WORKER_RETENTION_MS } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { buildEvent, NAMESPACE, QUEUE, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const LEASE_MS = 30_000;

/** The registry of workers, and how the runs of those that stop or die come back. */
export function describeWorkers(storeTest: StoreTest): void {
  describe('heartbeat', () => {
    storeTest('registers a worker, tells the time, and lists what is served', async (bench) => {
      expect(await bench.store.listServed(NAMESPACE)).toEqual([]);
      const beat = { namespace: NAMESPACE, leaseMs: LEASE_MS };
      const serves = ['refund@2', QUEUE];
      const answer = await bench.store.heartbeat({ ...beat, worker: 'w1', serves });
      expect(answer).toEqual({ now: bench.now, alive: true });
      await bench.store.heartbeat({ ...beat, worker: 'w2', serves: [QUEUE] });
      const elsewhere = { ...beat, worker: 'w3', namespace: 'elsewhere', serves: ['ship@1'] };
      await bench.store.heartbeat(elsewhere);
      expect([...(await bench.store.listServed(NAMESPACE))].sort()).toEqual([QUEUE, 'refund@2']);
      expect(await bench.store.listServed('elsewhere')).toEqual(['ship@1']);
    });

    storeTest('lists what workers announce now, while their lease lasts', async (bench) => {
      const beat = { worker: 'w1', namespace: NAMESPACE, leaseMs: LEASE_MS };
      await bench.store.heartbeat({ ...beat, serves: ['a@1'] });
      await bench.store.heartbeat({ ...beat, serves: ['b@1'] });
      expect(await bench.store.listServed(NAMESPACE)).toEqual(['b@1']);
      await bench.advance(LEASE_MS);
      expect(await bench.store.listServed(NAMESPACE)).toEqual(['b@1']);
      await bench.advance(1);
      expect(await bench.store.listServed(NAMESPACE)).toEqual([]);
    });

    storeTest('remembers since when nobody serves a workflow', async (bench) => {
      const beat = { namespace: NAMESPACE, leaseMs: LEASE_MS };
      const last = () => bench.store.lastServed(NAMESPACE);
      expect(await last()).toEqual(new Map());
      await bench.store.heartbeat({ ...beat, worker: 'w1', serves: ['a@1', 'b@1'] });
      const leaseUntil = bench.now + LEASE_MS;
      await bench.store.heartbeat({ ...beat, worker: 'w2', serves: ['b@1', 'c@1'] });
      const elsewhere = { ...beat, namespace: 'elsewhere', worker: 'w3', serves: ['a@1'] };
      await bench.store.heartbeat(elsewhere);
      await bench.advance(1_000);
      await bench.store.releaseWorker('w2');
      const releasedAt = bench.now;
      expect(await last()).toEqual(new Map([['c@1', releasedAt]]));
      await bench.advance(LEASE_MS);
      const all = { 'a@1': leaseUntil, 'b@1': leaseUntil, 'c@1': releasedAt };
      expect(await last()).toEqual(new Map(Object.entries(all)));
      await bench.advance(1_000);
      await bench.takeOver();
      expect(await last()).toEqual(new Map(Object.entries(all)));
      await bench.store.heartbeat({ ...beat, worker: 'w4', serves: ['a@1', 'c@1'] });
      expect(await last()).toEqual(new Map([['b@1', leaseUntil]]));
    });

    storeTest('remembers every workflow that was ever announced', async (bench) => {
      const known = (workflow: string, namespace = NAMESPACE): Promise<boolean> =>
        bench.store.isKnownWorkflow(namespace, workflow);
      expect(await known('order')).toBe(false);
      await bench.heartbeat('w1', LEASE_MS);
      expect(await known('order')).toBe(true);
      expect(await known('order@1')).toBe(false);
      expect(await known('ord')).toBe(false);
      expect(await known('order', 'elsewhere')).toBe(false);
      await bench.store.releaseWorker('w1');
      expect(await known('order')).toBe(true);
      await bench.advance(DEAD_WORKER_RETENTION_MS + 1);
      expect(await bench.store.purge(10)).toBe(1);
      expect(await known('order')).toBe(true);
    });
  });

  describe('takeOver', () => {
    storeTest('takes nothing while the lease lasts', async (bench) => {
      await bench.start('w1');
      await bench.heartbeat('w1', LEASE_MS);
      await bench.advance(LEASE_MS);
      const before = await dumpStore(bench.store);
      const nextExpiryAt = bench.now;
      expect(await bench.takeOver()).toEqual({ taken: 0, blocked: 0, more: false, nextExpiryAt });
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('makes the runs of a dead worker claimable, and fences it', async (bench) => {
      const run = await bench.start('w1');
      const other = await bench.start('w2');
      await bench.heartbeat('w1', LEASE_MS);
      await bench.advance(LEASE_MS + 1);
      const nothingMore = { blocked: 0, more: false, nextExpiryAt: expect.any(Number) };
      expect(await bench.takeOver()).toEqual({ taken: 1, ...nothingMore });
      const taken = await bench.requireRun(run.id);
      expect(taken).toMatchObject({ status: 'running', worker: null, epoch: 2, crashes: 1 });
      expect((await bench.commit(run, { events: [buildEvent(1)] })).outcome).toBe('fenced');
      expect(await bench.store.releaseRun(run.id, 'w1', 1)).toBe(false);
      const again = await bench.claimRun(run.id, 'w3');
      expect(again).toMatchObject({ epoch: 3, worker: 'w3', crashes: 1, startedAt: run.startedAt });
      expect(await bench.requireRun(other.id)).toEqual(other);
    });

    storeTest('declares a worker dead for ever when its last run is taken', async (bench) => {
      await bench.start('w1');
      await bench.heartbeat('w1', LEASE_MS);
      await bench.heartbeat('idle', LEASE_MS);
      await bench.advance(LEASE_MS + 1);
      await bench.takeOver();
      expect(await bench.heartbeat('w1')).toMatchObject({ alive: false });
      expect(await bench.heartbeat('idle')).toMatchObject({ alive: false });
      expect(await bench.store.listServed(NAMESPACE)).toEqual([]);
      expect(await bench.heartbeat('w2')).toMatchObject({ alive: true });
      expect(await bench.heartbeat('w1')).toMatchObject({ alive: false });
    });

    storeTest('leaves a worker that comes back in time alone', async (bench) => {
      const run = await bench.start('w1');
      await bench.heartbeat('w1', LEASE_MS);
      await bench.advance(10 * LEASE_MS);
      expect(await bench.heartbeat('w1', LEASE_MS)).toMatchObject({ alive: true });
      expect(await bench.takeOver()).toMatchObject({ taken: 0 });
      expect((await bench.commit(run, { events: [buildEvent(1)] })).outcome).toBe('committed');
    });

    storeTest('takes up to the limit, over several workers', async (bench) => {
      for (const worker of ['w1', 'w2', 'w1', 'w2', 'w1']) await bench.start(worker);
      for (const worker of ['w1', 'w2']) await bench.heartbeat(worker, LEASE_MS);
      await bench.advance(LEASE_MS + 1);
      const answers = [];
      for (let i = 0; i < 4; i += 1) answers.push(await bench.takeOver({ limit: 2 }));
      expect(answers.map((answer) => answer.taken)).toEqual([2, 2, 1, 0]);
      expect(answers.map((answer) => answer.more)).toEqual([true, true, false, false]);
      expect(await bench.claimIds('w3')).toHaveLength(5);
    });

    storeTest('never touches suspended runs', async (bench) => {
      const run = await bench.start('w1');
      await bench.commit(run, { change: suspended(bench.now + 10 * LEASE_MS) });
      await bench.heartbeat('w1', LEASE_MS);
      await bench.advance(LEASE_MS + 1);
      const before = await bench.requireRun(run.id);
      expect(await bench.takeOver()).toMatchObject({ taken: 0 });
      expect(await bench.requireRun(run.id)).toEqual(before);
      expect(await bench.claimIds('w2')).toEqual([]);
    });

    storeTest('takes again what a dead worker has claimed since (I12)', async (bench) => {
      await bench.heartbeat('w1', LEASE_MS);
      await bench.advance(LEASE_MS + 1);
      await bench.takeOver();
      const run = await bench.create();
      await bench.claimIds('w1');
      await bench.advance(LEASE_MS + 1);
      await bench.takeOver();
      expect(await bench.claimIds('w2')).toEqual([run.id]);
    });

    storeTest('keeps what has arrived for the next owner', async (bench) => {
      const run = await bench.start('w1');
      await bench.heartbeat('w1', LEASE_MS);
      await bench.sendCancel(run.id);
      await bench.claim('w1');
      await bench.advance(LEASE_MS + 1);
      await bench.takeOver();
      const { claimed } = await bench.claim('w2');
      expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [{ type: 'inbox' }] }]);
    });
  });

  describe('releasing', () => {
    storeTest('hands all runs of a worker back at once, without a crash', async (bench) => {
      const runs = [await bench.start('w1'), await bench.start('w1')];
      const foreign = await bench.start('w2');
      expect(await bench.store.releaseWorker('w1')).toBe(2);
      for (const { id } of runs) {
        const back = await bench.requireRun(id);
        expect(back).toMatchObject({ worker: null, epoch: 2, crashes: 0, status: 'running' });
      }
      expect(await bench.requireRun(foreign.id)).toEqual(foreign);
      expect(await bench.heartbeat('w1')).toMatchObject({ alive: false });
      expect(await bench.store.listServed(NAMESPACE)).toEqual([QUEUE]);
      expect((await bench.claimIds('w2')).sort()).toEqual(runs.map((run) => run.id));
      expect(await bench.store.releaseWorker('w1')).toBe(0);
      expect(await bench.store.releaseWorker('stranger')).toBe(0);
    });

    storeTest('hands one run back, to its owner at its epoch only', async (bench) => {
      const run = await bench.start('w1');
      expect(await bench.store.releaseRun(run.id, 'w2', run.epoch)).toBe(false);
      expect(await bench.store.releaseRun(run.id, 'w1', run.epoch + 1)).toBe(false);
      expect(await bench.store.releaseRun('nobody', 'w1', 1)).toBe(false);
      expect(await bench.requireRun(run.id)).toEqual(run);
      expect(await bench.store.releaseRun(run.id, 'w1', run.epoch)).toBe(true);
      expect(await bench.requireRun(run.id)).toMatchObject({ worker: null, epoch: 2, crashes: 0 });
      expect(await bench.store.releaseRun(run.id, 'w1', run.epoch)).toBe(false);
      expect(await bench.claimIds('w2')).toEqual([run.id]);
    });

    storeTest('purges dead workers after a while, if they own nothing', async (bench) => {
      await bench.heartbeat('w1');
      await bench.heartbeat('w2');
      await bench.heartbeat('alive');
      await bench.store.releaseWorker('w1');
      await bench.store.releaseWorker('w2');
      await bench.create();
      await bench.claimIds('w2');
      await bench.advance(DEAD_WORKER_RETENTION_MS - 1);
      expect(await bench.store.purge(10)).toBe(0);
      await bench.advance(1);
      expect(await bench.store.purge(10)).toBe(1);
      expect(await bench.heartbeat('w2')).toMatchObject({ alive: false });
      expect(await bench.takeOver()).toMatchObject({ taken: 1 });
      expect(await bench.store.purge(10)).toBe(1);
      expect(await bench.store.listServed(NAMESPACE)).toEqual([QUEUE]);
    });
  });
}
