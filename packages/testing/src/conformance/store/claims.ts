import { describe, expect } from 'vitest';
import { blocked, completed, suspended } from './build.js';
import type { StoreTest } from './store-test.js';

/** Claims: who gets which runs in what order, and whose wake-ups are whose. */
export function describeClaims(storeTest: StoreTest): void {
  describe('claim', () => {
    storeTest('makes the worker the owner, one epoch on', async (bench) => {
      const created = await bench.create();
      const { claimed, now } = await bench.claim('w1');
      const run = await bench.requireRun(created.id);
      expect(claimed).toEqual([{ run, arrivals: [] }]);
      expect(run).toEqual({
        ...created,
        status: 'running',
        worker: 'w1',
        epoch: 1,
        startedAt: now,
      });
      expect(await bench.claim('w2')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
    });

    storeTest('resets what the run waited for and keeps its first start', async (bench) => {
      const first = await bench.start();
      await bench.commit(first, { change: suspended(bench.now + 10) });
      const waiting = await bench.requireRun(first.id);
      expect(waiting.waitingFor).toHaveLength(1);
      await bench.advance(10);
      const again = await bench.claimRun(first.id, 'w2');
      expect(again).toMatchObject({ epoch: 2, waitingFor: [], startedAt: first.startedAt });
    });

    storeTest('goes by priority, then by time, then by id', async (bench) => {
      const { now } = bench;
      const at = (id: string, priority: number, startAt: number) =>
        bench.newRun({ id, priority, startAt });
      const runs = [
        at('late', 0, now + 20),
        at('b', 0, now + 10),
        at('urgent', 5, now + 30),
        at('a', 0, now + 10),
        at('lowest', -1, now + 1),
      ];
      await bench.store.createRuns({ runs, claim: null });
      await bench.advance(30);
      expect(await bench.claimIds()).toEqual(['urgent', 'a', 'b', 'late', 'lowest']);
    });

    storeTest('takes up to the limit and says whether there was more', async (bench) => {
      for (let i = 0; i < 5; i += 1) await bench.create();
      const counts: [number, boolean][] = [];
      for (let i = 0; i < 3; i += 1) {
        const { claimed, more } = await bench.claim('w1', { limit: 2 });
        counts.push([claimed.length, more]);
      }
      expect(counts).toEqual([
        [2, true],
        [2, true],
        [1, false],
      ]);
    });

    storeTest('takes nothing with limit 0, and says that there is more', async (bench) => {
      const run = await bench.create();
      expect(await bench.claim('w1', { limit: 0 })).toMatchObject({ claimed: [], more: true });
      expect(await bench.claimIds()).toEqual([run.id]);
    });

    storeTest('takes only what the worker serves, in its namespace', async (bench) => {
      const run = await bench.create();
      const newer = await bench.create({ version: '2' });
      const other = await bench.create({ workflow: 'refund' });
      const foreign = await bench.create({ namespace: 'elsewhere' });
      expect(await bench.claimIds('w1', { serves: [] })).toEqual([]);
      const missed = { serves: ['order', 'order@', 'refund@2'] };
      expect(await bench.claim('w1', missed)).toMatchObject({ claimed: [], nextWakeAt: null });
      expect(await bench.claimIds('w1')).toEqual([run.id]);
      const rest = await bench.claimIds('w1', { serves: ['order@2', 'refund@1'] });
      expect(rest.sort()).toEqual([newer.id, other.id].sort());
      expect(await bench.claimIds('w1', { namespace: 'elsewhere' })).toEqual([foreign.id]);
    });

    storeTest('is not held up by due runs that the worker cannot run', async (bench) => {
      for (let i = 0; i < 30; i += 1) await bench.create({ workflow: 'foreign', priority: 9 });
      const mine = await bench.create();
      expect(await bench.claim('w1', { limit: 1 })).toMatchObject({
        claimed: [{ run: { id: mine.id } }],
        more: false,
      });
    });

    storeTest(
      'gives the wake of an owned run to its owner, once, without an epoch',
      async (bench) => {
        const run = await bench.start('w1');
        await bench.sendCancel(run.id);
        expect(await bench.claim('w2')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
        const { claimed, wakes } = await bench.claim('w1');
        expect([claimed, wakes]).toEqual([[], [run.id]]);
        expect(await bench.claim('w1')).toMatchObject({ wakes: [], nextWakeAt: null });
        expect(await bench.requireRun(run.id)).toMatchObject({ epoch: 1, worker: 'w1' });
      },
    );

    storeTest('does not count wakes in the limit', async (bench) => {
      const owned = [await bench.start('w1'), await bench.start('w1'), await bench.start('w1')];
      for (const run of owned) await bench.sendCancel(run.id);
      const due = await bench.create();
      const answer = await bench.claim('w1', { limit: 1 });
      expect(answer.claimed.map(({ run }) => run.id)).toEqual([due.id]);
      expect([...answer.wakes].sort()).toEqual(owned.map((run) => run.id).sort());
      expect(answer.more).toBe(false);
    });

    storeTest('gives the wakes alone with limit 0', async (bench) => {
      const run = await bench.start('w1');
      await bench.sendCancel(run.id);
      await bench.create();
      expect(await bench.claim('w1', { limit: 0 })).toMatchObject({ claimed: [], wakes: [run.id] });
    });

    storeTest('says when it can next find something', async (bench) => {
      expect(await bench.claim('w1')).toMatchObject({ now: bench.now, nextWakeAt: null });
      const later = bench.now + 500;
      await bench.create({ startAt: later + 1 });
      await bench.create({ startAt: later });
      await bench.create({ startAt: bench.now + 1, version: '2' });
      await bench.create({ startAt: bench.now + 1, namespace: 'elsewhere' });
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], nextWakeAt: later });
    });

    storeTest('never takes terminal or blocked runs', async (bench) => {
      const done = await bench.start();
      const stuck = await bench.start();
      await bench.sendCancel(done.id);
      await bench.sendCancel(stuck.id);
      await bench.commit(done, { change: completed() });
      await bench.commit(stuck, { change: blocked() });
      await bench.sendCancel(done.id, { key: 'another' });
      await bench.sendCancel(stuck.id, { key: 'another' });
      for (const worker of ['w1', 'w2']) {
        const answer = await bench.claim(worker);
        expect(answer).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null, more: false });
      }
    });

    storeTest('hands over what has arrived, as receive does', async (bench) => {
      const run = await bench.create();
      await bench.sendCancel(run.id);
      const expected = await bench.receive(run.id);
      expect(expected).toHaveLength(1);
      const { claimed } = await bench.claim('w1');
      expect(claimed[0]?.arrivals).toEqual(expected);
      expect(await bench.receive(run.id)).toEqual(expected);
    });

    storeTest('lists with resync what the worker owned before', async (bench) => {
      const owned = [await bench.start('w1'), await bench.start('w1')];
      const foreign = await bench.start('w2');
      const due = await bench.create();
      expect((await bench.claim('w1', { limit: 0 })).owned).toEqual([]);
      const answer = await bench.claim('w1', { resync: true });
      expect(answer.claimed.map(({ run }) => run.id)).toEqual([due.id]);
      expect([...answer.owned].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(owned);
      expect((await bench.claim('w2', { resync: true })).owned).toEqual([foreign]);
    });
  });
}
