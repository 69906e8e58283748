import type { RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import {
  blocked,
  buildEvent,
  buildTurn,
  completed,
  failed,
  NAMESPACE,
  suspended,
} from './build.js';
import { busyRun } from './busy-run.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const SCOPE = { tokens: ['approval', 'other'] };
const COMMITTED = { outcome: 'committed', woken: [] };
const FENCED = { outcome: 'fenced', woken: [] };

/** The changes with which a turn gives its run up. */
const RELEASES: Readonly<Record<string, Turn['change']>> = {
  suspended: suspended(),
  completed: completed('"o"', true),
  failed: failed('"e"', true),
  blocked: blocked(),
};

/** Sends the turn, and expects that nothing is written. */
async function expectAnswer(bench: StoreBench, turn: Turn, answer: object): Promise<void> {
  const before = await dumpStore(bench.store, SCOPE);
  expect(await bench.store.commit([turn])).toEqual([answer]);
  expect(await dumpStore(bench.store, SCOPE)).toEqual(before);
}

/** A run that has been given up by a turn with events, and that turn. */
async function released(
  bench: StoreBench,
  change: Turn['change'] = suspended(),
): Promise<{ run: RunRecord; turn: Turn }> {
  const run = await bench.start('w1');
  await bench.commit(run, { events: [buildEvent(1)] });
  const turn = buildTurn(run, { events: [buildEvent(2), buildEvent(3)], change });
  await bench.store.commit([turn]);
  return { run, turn };
}

/** What may happen to a run after a turn has given it up, and that shows in its row. */
const LATER: Readonly<
  Record<string, readonly [Turn['change'], (bench: StoreBench, run: RunRecord) => Promise<unknown>]>
> = {
  'the same worker has claimed it': [suspended(0), (bench, { id }) => bench.claimRun(id, 'w1')],
  'another worker has claimed it': [suspended(0), (bench, { id }) => bench.claimRun(id, 'w2')],
  'it was claimed, and has been given up again without an event': [
    suspended(0),
    async (bench, { id }) => bench.commit(await bench.claimRun(id), { change: suspended() }),
  ],
  'it was claimed and handed back': [
    suspended(0),
    async (bench, { id }) => {
      const { epoch } = await bench.claimRun(id, 'w2');
      await bench.store.releaseRun(id, 'w2', epoch);
    },
  ],
  'it was terminated': [
    suspended(),
    (bench, { id: runId }) => bench.store.terminate({ runId, reason: 'r', onlyIf: 'nonTerminal' }),
  ],
  'it was put back to work on its branch': [
    blocked(),
    (bench, { id: runId, branch, epoch }) =>
      bench.store.retry({ runId, branch, epoch, events: null }),
  ],
  'it was put back to work on a new branch': [
    failed(),
    (bench, { id: runId, branch, epoch }) => {
      const events = [1, 2, 3].map((seq) => buildEvent(seq));
      return bench.store.retry({ runId, branch, epoch, events });
    },
  ],
  'it was deleted': [completed(), (bench, { id }) => bench.store.deleteRun(id)],
};

/** Who does not know whether a turn has committed sends it again: that is the read-back (T1). */
export function describeCommitAgain(storeTest: StoreTest): void {
  describe('commit: a turn that has committed, sent again', () => {
    storeTest('is committed, and writes nothing, while the run goes on', async (bench) => {
      const { run, rich } = await busyRun(bench);
      expect((await bench.commit(run, rich)).outcome).toBe('committed');
      await expectAnswer(bench, buildTurn(run, rich), COMMITTED);
    });

    for (const [name, change] of Object.entries(RELEASES)) {
      storeTest(
        `is committed, and writes nothing, if it has released the run (${name})`,
        async (bench) => {
          const { run, rich } = await busyRun(bench);
          const turn = buildTurn(run, { ...rich, change });
          expect((await bench.store.commit([turn]))[0]?.outcome).toBe('committed');
          await expectAnswer(bench, turn, COMMITTED);
          await expectAnswer(bench, turn, COMMITTED);
        },
      );
    }

    storeTest('is committed if both tries come in one batch', async (bench) => {
      const run = await bench.start();
      const turn = buildTurn(run, { events: [buildEvent(1)], change: suspended() });
      expect(await bench.store.commit([turn, turn])).toEqual([COMMITTED, COMMITTED]);
      expect(await bench.history(run.id)).toEqual([buildEvent(1)]);
    });

    storeTest('is committed although something has come for the run since', async (bench) => {
      const { run, turn } = await released(bench);
      await bench.sendCancel(run.id);
      await expectAnswer(bench, turn, COMMITTED);
      const { claimed } = await bench.claim('w2');
      expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [{ type: 'inbox' }] }]);
    });

    for (const [name, [change, happen]] of Object.entries(LATER)) {
      storeTest(`is fenced when ${name}`, async (bench) => {
        const { run, turn } = await released(bench, change);
        await happen(bench, run);
        await expectAnswer(bench, turn, FENCED);
      });
    }

    storeTest('is fenced when it had no events: nothing shows that it was there', async (bench) => {
      const run = await bench.start();
      for (const change of Object.values(RELEASES)) {
        const { id } = await bench.start();
        const turn = buildTurn({ ...run, id }, { change });
        await bench.store.commit([turn]);
        await expectAnswer(bench, turn, FENCED);
      }
    });
  });

  describe('commit: a turn that has not committed', () => {
    storeTest('is fenced when the run was given up by another one', async (bench) => {
      const { run, turn } = await released(bench);
      const last = buildEvent(3);
      const others: Partial<Turn>[] = [
        { events: [buildEvent(2)] },
        { events: [last, buildEvent(4)] },
        { events: [buildEvent(4)] },
        { events: [buildEvent(0), last] },
        { epoch: run.epoch - 1 },
        { epoch: run.epoch + 1 },
        { branch: run.branch + 1 },
        { runId: 'nobody' },
        { change: null },
      ];
      for (const other of others) await expectAnswer(bench, { ...turn, ...other }, FENCED);
    });

    storeTest('is fenced when another worker owns the run', async (bench) => {
      const run = await bench.start('w1');
      const events = [buildEvent(1), buildEvent(2)];
      await bench.commit(run, { events });
      for (const change of Object.values(RELEASES)) {
        await expectAnswer(bench, buildTurn(run, { worker: 'w2', events, change }), FENCED);
      }
    });

    storeTest('is fenced when the run has never had an owner', async (bench) => {
      const run = await bench.create();
      const turn = buildTurn(run, { events: [buildEvent(1)], change: completed() });
      await expectAnswer(bench, turn, FENCED);
      expect(await bench.store.countRuns({ namespace: NAMESPACE })).toMatchObject({ pending: 1 });
    });
  });
}
