import type { RunRecord } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { blocked, buildEvent, buildTask, completed, failed, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

async function settled(bench: StoreBench, change = completed()): Promise<RunRecord> {
  const run = await bench.start();
  await bench.commit(run, { events: [buildEvent(1)], change });
  return bench.requireRun(run.id);
}

/** What people do to runs from outside: terminate, retry, delete. */
export function describeOperatorVerbs(storeTest: StoreTest): void {
  describe('terminate', () => {
    const nonTerminal = 'nonTerminal' as const;

    storeTest(
      'ends a run whatever it does, fences its owner, and leaves nothing behind',
      async (bench) => {
        const run = await bench.start();
        await bench.commit(run, { waits: [{ token: 't', position: 1, deadline: null }] });
        await bench.sendCancel(run.id);
        await bench.advance(5);
        const request = { runId: run.id, reason: 'by hand', onlyIf: nonTerminal };
        const answer = await bench.store.terminate(request);
        const end = { status: 'cancelled', reason: 'by hand', finishedAt: bench.now } as const;
        const expected = { ...run, ...end, worker: null, epoch: run.epoch + 1 };
        expect(answer).toEqual({ outcome: 'done', run: expected, woken: [] });
        expect(await bench.requireRun(run.id)).toEqual(expected);
        expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
        expect(await bench.receive(run.id)).toEqual([]);
        expect((await bench.commit(run, { change: completed() })).outcome).toBe('fenced');
        expect((await bench.signal('t')).woken).toEqual([]);
      },
    );

    storeTest('ends pending, suspended and blocked runs', async (bench) => {
      const [pending, sleeping, stuck] = [
        await bench.create(),
        await bench.start(),
        await bench.start(),
      ];
      await bench.commit(sleeping, { change: suspended() });
      await bench.commit(stuck, { change: blocked() });
      for (const { id: runId } of [pending, sleeping, stuck]) {
        const answer = await bench.store.terminate({ runId, reason: 'r', onlyIf: nonTerminal });
        const clean = {
          status: 'cancelled',
          error: null,
          output: null,
          waitingFor: [],
          reason: 'r',
        };
        expect(answer).toMatchObject({ outcome: 'done', run: clean });
        expect(await bench.requireRun(runId)).toMatchObject(clean);
      }
      expect(await bench.claim()).toMatchObject({ claimed: [], nextWakeAt: null });
    });

    storeTest('tells the parent', async (bench) => {
      const parent = await bench.start();
      const ref = { runId: parent.id, branch: 0, position: 8, closePolicy: 'cancel' } as const;
      const children = [bench.newRun({ id: 'child', parent: ref })];
      await bench.commit(parent, { children, change: suspended() });
      const request = { runId: 'child', reason: 'by hand', onlyIf: nonTerminal };
      expect(await bench.store.terminate(request)).toMatchObject({ woken: [parent.id] });
      const outcome = { status: 'cancelled', output: null, error: null, reason: 'by hand' };
      const body = { kind: 'child', position: 8, childRunId: 'child', outcome };
      expect(await bench.receive(parent.id)).toMatchObject([{ body }]);
    });

    storeTest('refuses an ended run, and does not know a run that is not there', async (bench) => {
      const ended = [await settled(bench), await settled(bench, failed())];
      const before = await dumpStore(bench.store);
      for (const run of ended) {
        const request = { runId: run.id, reason: 'r', onlyIf: nonTerminal };
        expect(await bench.store.terminate(request)).toEqual({ outcome: 'refused', run });
      }
      const unknown = { runId: 'nobody', reason: 'r', onlyIf: nonTerminal };
      expect(await bench.store.terminate(unknown)).toEqual({ outcome: 'unknown' });
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('onlyIf pending: ends only what no worker has ever owned', async (bench) => {
      const onlyIf = 'pending' as const;
      const fresh = await bench.create();
      const owned = await bench.start();
      const handedBack = await bench.start();
      await bench.store.releaseRun(handedBack.id, 'w1', handedBack.epoch);
      const sleeping = await bench.start();
      await bench.commit(sleeping, { change: suspended() });
      for (const { id: runId } of [owned, handedBack, sleeping, await settled(bench)]) {
        const run = await bench.requireRun(runId);
        const answer = await bench.store.terminate({ runId, reason: 'r', onlyIf });
        expect(answer).toEqual({ outcome: 'refused', run });
        expect(await bench.requireRun(runId)).toEqual(run);
      }
      const answer = await bench.store.terminate({ runId: fresh.id, reason: 'r', onlyIf });
      expect(answer).toMatchObject({ outcome: 'done', run: { status: 'cancelled' } });
    });
  });

  describe('retry', () => {
    const branchEvents = [buildEvent(1, { payload: '"kept"' }), buildEvent(2)];

    storeTest(
      'puts a failed run on a new branch, with the history that it keeps',
      async (bench) => {
        const run = await settled(bench, failed());
        const { id: runId, branch, epoch } = run;
        const answer = await bench.store.retry({ runId, branch, epoch, events: branchEvents });
        const cleared = { output: null, error: null, reason: null, finishedAt: null, crashes: 0 };
        const fresh = { status: 'suspended', branch: 1, epoch: epoch + 1 } as const;
        const expected = { ...run, ...cleared, ...fresh };
        expect(answer).toEqual({ outcome: 'done', run: expected, woken: [runId] });
        expect(await bench.requireRun(runId)).toEqual(expected);
        expect(await bench.history(runId, 0)).toEqual([buildEvent(1)]);
        expect(await bench.history(runId, 1)).toEqual(branchEvents);
        const again = await bench.claimRun(runId, 'w2');
        expect(again).toMatchObject({ epoch: epoch + 2, startedAt: run.startedAt });
        const { outcome } = await bench.commit(again, { events: [buildEvent(3)] });
        expect(outcome).toBe('committed');
        expect(await bench.history(runId, 0)).toEqual([buildEvent(1)]);
      },
    );

    storeTest('gives a failed run nothing of what was left when it ended', async (bench) => {
      const run = await bench.start();
      const waits = [{ token: 'cmd', position: 1, deadline: null }];
      await bench.commit(run, { waits, tasks: [buildTask(run, 'task')] });
      await bench.sendCancel(run.id);
      await bench.commit(run, { change: failed() });
      const { id: runId, branch, epoch } = run;
      await bench.store.retry({ runId, branch, epoch, events: [] });
      expect(await bench.receive(runId)).toEqual([]);
      expect((await bench.signal('cmd')).woken).toEqual([]);
      expect(await bench.visibleTasks()).toEqual([]);
      const { claimed } = await bench.claim();
      expect(claimed).toMatchObject([{ run: { id: runId }, arrivals: [] }]);
    });

    storeTest('puts a blocked run back where it was, or on a new branch', async (bench) => {
      const stay = await settled(bench, blocked());
      const move = await settled(bench, blocked());
      const cleared = { status: 'suspended', error: null, reason: null, worker: null };
      const onBranch = { runId: stay.id, branch: 0, epoch: stay.epoch, events: null };
      expect(await bench.store.retry(onBranch)).toMatchObject({
        run: { ...cleared, branch: 0, epoch: stay.epoch + 1 },
        woken: [stay.id],
      });
      const toNew = { runId: move.id, branch: 0, epoch: move.epoch, events: branchEvents };
      expect(await bench.store.retry(toNew)).toMatchObject({
        run: { ...cleared, branch: 1, epoch: move.epoch + 1 },
        woken: [move.id],
      });
      expect(await bench.history(stay.id, 0)).toEqual([buildEvent(1)]);
      expect(await bench.history(move.id, 1)).toEqual(branchEvents);
      expect((await bench.claimIds()).sort()).toEqual([stay.id, move.id]);
    });

    storeTest('refuses another branch, another epoch, and every other status', async (bench) => {
      const broken = await settled(bench, failed());
      const stuck = await settled(bench, blocked());
      const sleeping = await settled(bench, suspended());
      const done = await settled(bench);
      const pending = await bench.create();
      const running = await bench.start();
      const before = await dumpStore(bench.store);
      const tries = [
        { run: broken, events: null },
        { run: broken, events: branchEvents, epoch: broken.epoch - 1 },
        { run: broken, events: branchEvents, epoch: broken.epoch + 1 },
        { run: broken, events: branchEvents, branch: 1 },
        { run: stuck, events: null, epoch: stuck.epoch + 1 },
        { run: stuck, events: null, branch: 1 },
        ...[sleeping, done, pending, running].flatMap((run) => [
          { run, events: null },
          { run, events: branchEvents },
        ]),
      ];
      for (const { run, ...request } of tries) {
        const { id: runId, branch, epoch } = run;
        const answer = await bench.store.retry({ runId, branch, epoch, ...request });
        expect(answer).toEqual({ outcome: 'refused', run });
      }
      const unknown = { runId: 'nobody', branch: 0, epoch: 1, events: null };
      expect(await bench.store.retry(unknown)).toEqual({ outcome: 'unknown' });
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('happens once when it is asked for several times at once', async (bench) => {
      const { id: runId, branch, epoch } = await settled(bench, failed());
      const handles = await bench.handles(4);
      const request = { runId, branch, epoch, events: branchEvents };
      const answers = await Promise.all(handles.map((store) => store.retry(request)));
      expect(answers.filter(({ outcome }) => outcome === 'done')).toHaveLength(1);
      expect(await bench.requireRun(runId)).toMatchObject({ branch: 1, epoch: epoch + 1 });
      expect(await bench.history(runId, 1)).toEqual(branchEvents);
    });
  });

  describe('deleteRun', () => {
    storeTest('deletes an ended run with its history, and frees its id', async (bench) => {
      const run = await settled(bench);
      const kept = await settled(bench);
      expect(await bench.store.deleteRun(run.id)).toEqual({ outcome: 'done', run, woken: [] });
      expect(await bench.store.getRun(run.id)).toBeUndefined();
      expect(await bench.history(run.id)).toEqual([]);
      expect(await bench.history(kept.id)).toHaveLength(1);
      expect(await bench.store.deleteRun(run.id)).toEqual({ outcome: 'unknown' });
      const again = await bench.start('w1', { id: run.id, input: '"new"' });
      expect(again).toMatchObject({ epoch: 1, input: '"new"' });
      const { outcome } = await bench.commit(again, { events: [buildEvent(1)] });
      expect(outcome).toBe('committed');
    });

    storeTest('refuses a run that has not ended', async (bench) => {
      const runs = [await bench.create(), await bench.start(), await settled(bench, blocked())];
      runs.push(await settled(bench, suspended()));
      const before = await dumpStore(bench.store);
      for (const run of runs) {
        expect(await bench.store.deleteRun(run.id)).toEqual({ outcome: 'refused', run });
      }
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('keeps the children', async (bench) => {
      const parent = await bench.start();
      const ref = { runId: parent.id, branch: 0, position: 1, closePolicy: 'abandon' } as const;
      const children = [bench.newRun({ id: 'child', parent: ref })];
      await bench.commit(parent, { children, change: completed() });
      await bench.store.deleteRun(parent.id);
      expect(await bench.requireRun('child')).toMatchObject({ parent: ref, status: 'pending' });
    });
  });
}
