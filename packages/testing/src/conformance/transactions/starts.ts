import { describe, expect } from 'vitest';
import { NAMESPACE, QUEUE } from '../store/build.js';
import type { TransactionBench, TransactionTest } from './bench.js';
import { inOrder } from './fixture.js';

async function claimIds({ store }: TransactionBench): Promise<string[]> {
  const request = {
    worker: 'w9',
    namespace: NAMESPACE,
    serves: [QUEUE],
    limit: 100,
    resync: false,
  };
  const { claimed } = await store.claim(request);
  return claimed.map(({ run }) => run.id).sort();
}

/** The verb `createRunsIn`: runs that exist when a transaction of the application commits. */
export function describeTransactionalStarts(storeTest: TransactionTest): void {
  describe('createRunsIn', () => {
    storeTest('creates runs that are claimable after the commit', async (bench) => {
      const { fixture, store } = bench;
      const runs = [bench.newRun(), bench.newRun()];
      const answers: unknown[] = [];
      await fixture.begin((tx) =>
        inOrder(
          [
            () => fixture.insert(tx, 'order'),
            () => {
              const created = store.createRunsIn(tx, runs);
              if (!(created instanceof Promise)) return answers.push(...created);
              return created.then((outcomes) => answers.push(...outcomes));
            },
          ],
          null,
        ),
      );
      expect(answers).toMatchObject(
        runs.map(({ id }) => ({
          outcome: 'created',
          run: { id, status: 'pending', worker: null },
        })),
      );
      expect(await fixture.rows()).toEqual(['order']);
      expect(await claimIds(bench)).toEqual(runs.map(({ id }) => id));
    });

    storeTest('leaves nothing after a rollback', async (bench) => {
      const { fixture, store } = bench;
      const run = bench.newRun();
      const rolledBack = fixture.begin((tx) =>
        inOrder(
          [
            () => fixture.insert(tx, 'order'),
            () => store.createRunsIn(tx, [run]),
            () => {
              throw new Error('changed my mind');
            },
          ],
          null,
        ),
      );
      await expect(rolledBack).rejects.toThrow('changed my mind');
      expect(await fixture.rows()).toEqual([]);
      expect(await store.getRun(run.id)).toBeUndefined();
      expect(await claimIds(bench)).toEqual([]);
    });

    storeTest('answers with the run that is there', async (bench) => {
      const { fixture, store } = bench;
      const run = bench.newRun();
      await store.createRuns({ runs: [run], claim: null });
      let answers: unknown;
      await fixture.begin((tx) =>
        inOrder(
          [
            () => {
              const created = store.createRunsIn(tx, [{ ...run, seed: 'another' }]);
              if (!(created instanceof Promise)) {
                answers = created;
                return;
              }
              return created.then((outcomes) => {
                answers = outcomes;
              });
            },
          ],
          null,
        ),
      );
      expect(answers).toMatchObject([{ outcome: 'existing', run: { seed: run.seed } }]);
      expect(await claimIds(bench)).toEqual([run.id]);
    });
  });

  describe('what is no open transaction', () => {
    storeTest('is refused, and nothing is written', async (bench) => {
      const { fixture, store } = bench;
      const ended = await fixture.begin((tx) => tx);
      const run = bench.newRun();
      const message = { namespace: NAMESPACE, token: 't', id: 'i', payload: '1', ttlMs: 1_000 };
      for (const handle of [fixture.root, undefined, null, {}, 'tx', ended]) {
        const start = async () => store.createRunsIn(handle, [run]);
        await expect(start()).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
        const signal = async () => store.signalIn(handle, [message]);
        await expect(signal()).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
      }
      expect(await store.getRun(run.id)).toBeUndefined();
      expect(await store.sweepOutbox(10)).toMatchObject({ moved: 0 });
    });
  });
}
