import type { NewRun } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { only } from './bench.js';
import { NAMESPACE, runOf } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const HOUR_MS = 3_600_000;

const FULL: Partial<NewRun> = {
  input: '{"cart":["a","b"]}',
  inputDigest: 'sha-1',
  seed: 'seed',
  parent: { runId: 'mother', branch: 2, position: 7, closePolicy: 'abandon' },
  tags: ['eu', 'vip'],
  priority: -3,
};

/** Creation of runs: what is stored, when they are due, and what a second creation changes (nothing). */
export function describeCreateRuns(storeTest: StoreTest): void {
  describe('createRuns', () => {
    storeTest('stores what it was given, and the run is pending', async (bench) => {
      const newRun = bench.newRun(FULL);
      const { startAt: _, timeoutMs: __, ...given } = newRun;
      const answer = only(await bench.store.createRuns({ runs: [newRun], claim: null }));
      expect(answer.outcome).toBe('created');
      expect(runOf(answer)).toEqual({
        ...given,
        status: 'pending',
        branch: 0,
        epoch: 0,
        worker: null,
        output: null,
        error: null,
        createdAt: expect.any(Number),
        startedAt: null,
        finishedAt: null,
        deadlineAt: null,
        crashes: 0,
        waitingFor: [],
        reason: null,
      });
      expect(await bench.store.getRun(newRun.id)).toEqual(runOf(answer));
      expect(await bench.claimIds()).toEqual([newRun.id]);
    });

    storeTest('sets the times by its own clock', async (bench) => {
      const run = await bench.create({ timeoutMs: 5_000 });
      expect(run).toMatchObject({ createdAt: bench.now, deadlineAt: bench.now + 5_000 });
    });

    storeTest('answers undefined for a run that is not there', async (bench) => {
      expect(await bench.store.getRun('nobody')).toBeUndefined();
    });

    storeTest(
      'gives due runs to the claiming worker at epoch 1, without a ready row',
      async (bench) => {
        const run = await bench.start('w1', { startAt: 1 });
        expect(run).toMatchObject({ status: 'running', epoch: 1, worker: 'w1' });
        expect(run.startedAt).toBe(run.createdAt);
        expect(await bench.claim('w2')).toMatchObject({
          claimed: [],
          nextWakeAt: null,
          more: false,
        });
        expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [] });
      },
    );

    storeTest(
      'keeps a run with a later start back, also when it is created to be claimed',
      async (bench) => {
        const startAt = bench.now + HOUR_MS;
        const a = await bench.create({ startAt });
        const b = await bench.start('w1', { startAt });
        expect(b).toMatchObject({ status: 'pending', epoch: 0, worker: null, startedAt: null });
        expect(await bench.claim('w2')).toMatchObject({ claimed: [], nextWakeAt: startAt });
        await bench.advance(HOUR_MS - 1);
        expect(await bench.claimIds('w2')).toEqual([]);
        await bench.advance(1);
        expect(await bench.claimIds('w2')).toEqual([a.id, b.id]);
      },
    );

    storeTest('makes a run with an earlier start due now', async (bench) => {
      const old = await bench.create({ startAt: bench.now - HOUR_MS });
      expect(await bench.claim('w1', { limit: 0 })).toMatchObject({ nextWakeAt: bench.now });
      expect(await bench.claimIds()).toEqual([old.id]);
    });

    storeTest(
      'answers an id that exists with what is stored, and changes nothing',
      async (bench) => {
        const first = await bench.create({ id: 'same', ...FULL });
        const before = await dumpStore(bench.store);
        const other = bench.newRun({ id: 'same', workflow: 'other', input: '2', priority: 9 });
        const elsewhere = bench.newRun({ id: 'same', namespace: 'elsewhere' });
        for (const claim of [null, 'w1']) {
          const answers = await bench.store.createRuns({ runs: [other, elsewhere], claim });
          expect(answers).toEqual([
            { outcome: 'existing', run: first },
            { outcome: 'existing', run: first },
          ]);
        }
        expect(await dumpStore(bench.store)).toEqual(before);
      },
    );

    storeTest('answers per item, in order, also for duplicates inside one batch', async (bench) => {
      await bench.create({ id: 'b' });
      const runs = ['a', 'b', 'c', 'a'].map((id, i) => bench.newRun({ id, input: String(i) }));
      const answers = await bench.store.createRuns({ runs, claim: null });
      expect(
        answers.map((answer) => [answer.outcome, runOf(answer).id, runOf(answer).input]),
      ).toEqual([
        ['created', 'a', '0'],
        ['existing', 'b', '{"n":1}'],
        ['created', 'c', '2'],
        ['existing', 'a', '0'],
      ]);
    });

    storeTest('takes an empty batch', async (bench) => {
      expect(await bench.store.createRuns({ runs: [], claim: 'w1' })).toEqual([]);
    });

    storeTest(
      'creates an id once when several processes ask at the same time (I3)',
      async (bench) => {
        const handles = await bench.handles(4);
        const runs = Array.from({ length: 12 }, (_, i) => bench.newRun({ id: `shared-${i}` }));
        const answers = await Promise.all(
          handles.map((store, i) =>
            store.createRuns({ runs: runs.map((run) => ({ ...run, input: `${i}` })), claim: null }),
          ),
        );
        const created = answers
          .flat()
          .filter(({ outcome }) => outcome === 'created')
          .map(runOf);
        expect(created.map(({ id }) => id).sort()).toEqual(runs.map((run) => run.id).sort());
        for (const run of answers.flat().map(runOf)) {
          expect(run).toEqual(created.find(({ id }) => id === run.id));
        }
        const counts = await bench.store.countRuns({ namespace: NAMESPACE });
        expect(counts.pending).toBe(runs.length);
      },
    );
  });
}
