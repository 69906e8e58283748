import type { ClosePolicy, NewRun, RunRecord } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { only } from './bench.js';
import { buildEvent, buildTurn, completed, failed, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

/** A child of `run` to be started, reporting to `position`. */
function childOf(
  run: RunRecord,
  id: string,
  { position = 1, closePolicy = 'cancel' as ClosePolicy, branch = run.branch } = {},
): Partial<NewRun> & { readonly id: string } {
  return { id, parent: { runId: run.id, branch, position, closePolicy } };
}

/** Starts children of the run, one for each policy, and returns their ids. */
async function startFamily(
  bench: StoreBench,
  run: RunRecord,
): Promise<Record<ClosePolicy, string>> {
  const policies = ['cancel', 'terminate', 'abandon'] as const;
  const children = policies.map((closePolicy, i) =>
    bench.newRun(childOf(run, `${run.id}-${closePolicy}`, { position: i + 1, closePolicy })),
  );
  await bench.commit(run, { children });
  return {
    cancel: `${run.id}-cancel`,
    terminate: `${run.id}-terminate`,
    abandon: `${run.id}-abandon`,
  };
}

/** Child runs: started in a turn, reported in the turn that ends them (T6), closed by their policy (I17). */
export function describeChildren(storeTest: StoreTest): void {
  describe('commit: starting children', () => {
    storeTest('starts them with the turn', async (bench) => {
      const parent = await bench.start();
      const child = bench.newRun({ ...childOf(parent, 'child'), tags: ['t'], priority: 3 });
      const answer = await bench.commit(parent, { events: [buildEvent(1)], children: [child] });
      expect(answer).toEqual({ outcome: 'committed', woken: ['child'] });
      expect(await bench.requireRun('child')).toMatchObject({
        ...{ status: 'pending', epoch: 0, worker: null, tags: ['t'], priority: 3 },
        parent: { runId: parent.id, branch: 0, position: 1, closePolicy: 'cancel' },
      });
      expect(await bench.claimIds('w2')).toEqual(['child']);
    });

    storeTest('starts a later one later', async (bench) => {
      const parent = await bench.start();
      const startAt = bench.now + 100;
      const child = bench.newRun({ ...childOf(parent, 'child'), startAt, timeoutMs: 500 });
      expect((await bench.commit(parent, { children: [child] })).woken).toEqual([]);
      expect(await bench.claim()).toMatchObject({ claimed: [], nextWakeAt: startAt });
      expect(await bench.requireRun('child')).toMatchObject({ deadlineAt: bench.now + 500 });
    });

    storeTest('takes a child that this operation has started before for started', async (bench) => {
      const parent = await bench.start();
      const child = bench.newRun(childOf(parent, 'child'));
      await bench.commit(parent, { children: [child] });
      const before = await dumpStore(bench.store);
      expect(await bench.commit(parent, { children: [child] })).toMatchObject({
        outcome: 'committed',
      });
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('tells the parent when another run has the id', async (bench) => {
      const parent = await bench.start();
      const stranger = await bench.create({ id: 'taken' });
      const rival = await bench.start();
      await bench.commit(parent, { children: [bench.newRun(childOf(parent, 'mine'))] });
      await bench.commit(rival, { children: [bench.newRun(childOf(rival, 'theirs'))] });
      await bench.claim();
      const children = [
        bench.newRun(childOf(parent, 'taken', { position: 2 })),
        bench.newRun(childOf(parent, 'mine', { position: 3 })),
        bench.newRun(childOf(parent, 'theirs')),
        bench.newRun(childOf(parent, 'free', { position: 4 })),
      ];
      const { woken } = await bench.commit(parent, { children, change: suspended() });
      expect([...woken].sort()).toEqual(['free', parent.id].sort());
      expect(await bench.requireRun('taken')).toMatchObject({ parent: stranger.parent });
      const arrivals = await bench.receive(parent.id);
      const outcome = {
        ...{ status: 'failed', output: null, reason: null },
        error: expect.stringContaining('RUN_CONFLICT'),
      };
      expect(arrivals).toMatchObject([
        { body: { kind: 'child', position: 2, childRunId: 'taken', outcome } },
        { body: { kind: 'child', position: 3, childRunId: 'mine', outcome } },
        { body: { kind: 'child', position: 1, childRunId: 'theirs', outcome } },
      ]);
    });
  });

  describe('commit: a child ends', () => {
    for (const change of [completed('"out"'), failed('"err"')]) {
      const status = change?.to === 'settled' ? change.outcome.status : '';
      storeTest(`tells the suspended parent in the same turn (${status})`, async (bench) => {
        const parent = await bench.start('w1');
        const children = [bench.newRun(childOf(parent, 'child', { position: 6 }))];
        await bench.commit(parent, { children, change: suspended() });
        const child = await bench.claimRun('child', 'w2');
        const answer = await bench.commit(child, { events: [buildEvent(1)], change });
        expect(answer).toEqual({ outcome: 'committed', woken: [parent.id] });
        const { claimed } = await bench.claim('w1');
        const outcome = change?.to === 'settled' ? change.outcome : null;
        const body = { kind: 'child', position: 6, childRunId: 'child', outcome };
        expect(claimed).toMatchObject([{ run: { id: parent.id }, arrivals: [{ body }] }]);
      });
    }

    storeTest('tells each parent of several children that end in one batch', async (bench) => {
      const parent = await bench.start();
      const ids = ['c1', 'c2', 'c3'];
      const children = ids.map((id, i) => bench.newRun(childOf(parent, id, { position: i + 1 })));
      await bench.commit(parent, { children, change: suspended() });
      const { claimed } = await bench.claim('w2');
      await bench.store.commit(claimed.map(({ run }) => buildTurn(run, { change: completed() })));
      const arrivals = await bench.receive(parent.id);
      const told = arrivals.map((arrival) => arrival.type === 'inbox' && arrival.body);
      expect(told.map((body) => body && body.kind === 'child' && body.childRunId).sort()).toEqual(
        ids,
      );
    });

    storeTest('goes well when the parent is gone or has ended', async (bench) => {
      const [ended, deleted] = [await bench.start(), await bench.start()];
      for (const parent of [ended, deleted]) {
        const child = childOf(parent, `${parent.id}-child`, { closePolicy: 'abandon' });
        await bench.commit(parent, { children: [bench.newRun(child)], change: failed() });
      }
      await bench.store.deleteRun(deleted.id);
      const { claimed } = await bench.claim('w2');
      const orphans = claimed.filter(({ run }) => run.parent !== null);
      expect(orphans).toHaveLength(2);
      for (const { run } of orphans) {
        const answer = await bench.commit(run, { change: completed() });
        expect(answer).toEqual({ outcome: 'committed', woken: [] });
      }
      expect(await bench.receive(ended.id)).toEqual([]);
    });
  });

  describe('the parent ends first', () => {
    storeTest('closes living children by their policy', async (bench) => {
      const parent = await bench.start();
      const ids = await startFamily(bench, parent);
      const { woken } = await bench.commit(parent, { change: completed('"o"', true) });
      expect(woken).toEqual([ids.cancel]);
      expect(await bench.requireRun(ids.cancel)).toMatchObject({ status: 'pending' });
      const body = { kind: 'cancel', reason: expect.stringContaining(parent.id) };
      expect(await bench.receive(ids.cancel)).toMatchObject([{ type: 'inbox', body }]);
      const ended = { status: 'cancelled', epoch: 1, reason: expect.stringContaining(parent.id) };
      expect(await bench.requireRun(ids.terminate)).toMatchObject(ended);
      expect(await bench.requireRun(ids.abandon)).toMatchObject({
        status: 'pending',
        reason: null,
      });
      expect(await bench.receive(ids.abandon)).toEqual([]);
      expect((await bench.claimIds()).sort()).toEqual([ids.abandon, ids.cancel].sort());
    });

    storeTest(
      'does not look for children where the turn says that there are none',
      async (bench) => {
        const parent = await bench.start();
        const ids = await startFamily(bench, parent);
        await bench.commit(parent, { change: completed('"o"', false) });
        expect(await bench.requireRun(ids.terminate)).toMatchObject({ status: 'pending' });
        expect(await bench.receive(ids.cancel)).toEqual([]);
      },
    );

    storeTest('closes children that were started in the very same turn', async (bench) => {
      const parent = await bench.start();
      const children = [
        bench.newRun(childOf(parent, 'stop', { closePolicy: 'terminate' })),
        bench.newRun(childOf(parent, 'ask', { position: 2 })),
      ];
      await bench.commit(parent, { children, change: completed('"o"', true) });
      expect(await bench.requireRun('stop')).toMatchObject({ status: 'cancelled' });
      expect(await bench.receive('ask')).toHaveLength(1);
    });

    storeTest('terminates down the tree, and fences the owners', async (bench) => {
      const parent = await bench.start();
      const policy = { closePolicy: 'terminate' } as const;
      await bench.commit(parent, { children: [bench.newRun(childOf(parent, 'child', policy))] });
      const child = await bench.claimRun('child', 'w2');
      await bench.commit(child, { children: [bench.newRun(childOf(child, 'grandchild', policy))] });
      const grandchild = await bench.claimRun('grandchild', 'w3');
      await bench.commit(parent, { change: completed('"o"', true) });
      for (const run of [child, grandchild]) {
        const ended = await bench.requireRun(run.id);
        expect(ended).toMatchObject({ status: 'cancelled', worker: null, epoch: run.epoch + 1 });
        expect((await bench.commit(run, { events: [buildEvent(1)] })).outcome).toBe('fenced');
      }
    });

    storeTest('leaves ended children, and those of another branch, alone', async (bench) => {
      const parent = await bench.start();
      const closePolicy = 'terminate';
      const children = [
        bench.newRun(childOf(parent, 'ended', { closePolicy })),
        bench.newRun(childOf(parent, 'other-branch', { closePolicy, branch: 5, position: 2 })),
      ];
      await bench.commit(parent, { children });
      const ended = await bench.claimRun('ended', 'w2');
      await bench.commit(ended, { change: completed('"mine"') });
      const before = await bench.requireRun('ended');
      await bench.commit(parent, { change: failed('"e"', true) });
      expect(await bench.requireRun('ended')).toEqual(before);
      expect(await bench.requireRun('other-branch')).toMatchObject({ status: 'running' });
    });

    storeTest('terminate closes children as well', async (bench) => {
      const parent = await bench.start();
      const ids = await startFamily(bench, parent);
      const request = { runId: parent.id, reason: 'r', onlyIf: 'nonTerminal' } as const;
      expect(await bench.store.terminate(request)).toMatchObject({ woken: [ids.cancel] });
      expect(await bench.requireRun(ids.terminate)).toMatchObject({ status: 'cancelled' });
      expect(only(await bench.receive(ids.cancel))).toMatchObject({ body: { kind: 'cancel' } });
      expect(await bench.requireRun(ids.abandon)).toMatchObject({ status: 'pending' });
    });
  });
}
