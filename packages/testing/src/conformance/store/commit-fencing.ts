import type { RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { only } from './bench.js';
import { blocked, buildEvent, buildTurn, completed, failed, suspended } from './build.js';
import { busyRun } from './busy-run.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const CHANGES: Readonly<Record<string, Turn['change']>> = {
  none: null,
  suspended: suspended(),
  completed: completed('"stolen"', true),
  blocked: blocked(),
};

const STALE: Readonly<Record<string, (run: RunRecord) => Partial<Turn>>> = {
  'an older epoch': ({ epoch }) => ({ epoch: epoch - 1 }),
  'a newer epoch': ({ epoch }) => ({ epoch: epoch + 1 }),
  'another worker': () => ({ worker: 'w2' }),
  'a worker whose id differs in case': () => ({ worker: 'W1' }),
  'another branch': ({ branch }) => ({ branch: branch + 1 }),
  'an unknown run': () => ({ runId: 'nobody' }),
};

/** T2: whoever is not the owner at the run's present epoch writes nothing. */
export function describeCommitFencing(storeTest: StoreTest): void {
  describe('commit: fencing', () => {
    for (const [what, stale] of Object.entries(STALE)) {
      for (const [name, change] of Object.entries(CHANGES)) {
        storeTest(`writes nothing for ${what} (change: ${name})`, async (bench) => {
          const { run, rich } = await busyRun(bench);
          const before = await dumpStore(bench.store, { tokens: ['approval', 'other'] });
          const answer = await bench.commit(run, { ...rich, change, ...stale(run) });
          expect(answer).toEqual({ outcome: 'fenced', woken: [] });
          expect(await dumpStore(bench.store, { tokens: ['approval', 'other'] })).toEqual(before);
        });
      }
    }

    for (const [name, change] of Object.entries(CHANGES)) {
      storeTest(`accepts the same turn from the owner (change: ${name})`, async (bench) => {
        const { run, rich } = await busyRun(bench);
        const { outcome } = await bench.commit(run, { ...rich, change });
        expect(outcome).toBe('committed');
        expect(await bench.history(run.id)).toEqual([buildEvent(1), buildEvent(2)]);
      });
    }

    storeTest(
      'fences the owner of a run that was released and claimed by the same worker',
      async (bench) => {
        const old = await bench.start('w1');
        await bench.store.releaseRun(old.id, 'w1', old.epoch);
        const run = await bench.claimRun(old.id, 'w1');
        expect(run.epoch).toBeGreaterThan(old.epoch);
        expect((await bench.commit(old, { events: [buildEvent(1)] })).outcome).toBe('fenced');
        expect((await bench.commit(run, { events: [buildEvent(1)] })).outcome).toBe('committed');
      },
    );

    for (const [name, change] of Object.entries({ completed: completed(), failed: failed() })) {
      storeTest(`fences every turn after the run has ended (${name})`, async (bench) => {
        const run = await bench.start();
        await bench.commit(run, { events: [buildEvent(1)], change });
        const before = await dumpStore(bench.store);
        for (const late of [null, suspended(), completed('"again"'), blocked()]) {
          const answer = await bench.commit(run, { events: [buildEvent(2)], change: late });
          expect(answer.outcome).toBe('fenced');
        }
        expect(await dumpStore(bench.store)).toEqual(before);
      });
    }

    storeTest('refuses a turn that leaves a gap in the history (I5)', async (bench) => {
      const run = await bench.start();
      const before = await dumpStore(bench.store);
      for (const events of [[buildEvent(2)], [buildEvent(1), buildEvent(3)]]) {
        expect((await bench.commit(run, { events, change: completed() })).outcome).toBe('fenced');
      }
      expect(await dumpStore(bench.store)).toEqual(before);
    });

    storeTest('answers each turn of a batch for itself', async (bench) => {
      const runs = await Promise.all([bench.start(), bench.start(), bench.start(), bench.start()]);
      const [a, b, c, d] = runs;
      const events = [buildEvent(1)];
      const turns = [
        buildTurn(a, { events }),
        buildTurn(b, { events, epoch: 7 }),
        buildTurn(c, { events, consumedInbox: ['nothing'] }),
        buildTurn(d, { events, change: completed() }),
        buildTurn(b, { runId: 'nobody', events }),
      ];
      const answers = await bench.store.commit(turns);
      const outcomes = ['committed', 'fenced', 'conflict', 'committed', 'fenced'];
      expect(answers.map((answer) => answer.outcome)).toEqual(outcomes);
      const lengths = await Promise.all(
        runs.map(async ({ id }) => (await bench.history(id)).length),
      );
      expect(lengths).toEqual([1, 0, 0, 1]);
    });

    storeTest('takes an empty batch', async (bench) => {
      expect(await bench.store.commit([])).toEqual([]);
    });

    storeTest(
      'lets one of two owners of the same epoch commit a position, whoever is first',
      async (bench) => {
        const handles = await bench.handles(2);
        const run = await bench.start();
        const results = ['"one"', '"two"'];
        const turns = results.map((payload) =>
          buildTurn(run, { events: [buildEvent(1, { payload })] }),
        );
        await Promise.all(handles.map((store, i) => store.commit(turns.slice(i, i + 1))));
        const history = await bench.history(run.id);
        expect(results).toContain(only(history).payload);
      },
    );
  });
}
