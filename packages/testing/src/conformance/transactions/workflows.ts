import type { StateStore } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { TransactionTest } from './bench.js';
import { crash, type Engines, override, until } from './engines.js';
import { inOrder } from './fixture.js';

export type EngineTest = (
  title: string,
  body: (bench: Parameters<Parameters<TransactionTest>[1]>[0], engines: Engines) => Promise<void>,
) => void;

/** A store whose transactions commit, and whose answers to them never come: the process dies in between. */
function deafAfterCommit(store: StateStore, onCommitted: () => void): StateStore {
  return override(store, {
    transaction: async (request, gate) => {
      await store.transaction(request, gate);
      onCommitted();
      return new Promise(() => undefined);
    },
  });
}

/** `ctx.transaction` in whole engines. */
export function describeTransactionalSteps(engineTest: EngineTest): void {
  describe('ctx.transaction', () => {
    engineTest('gives its result, once, and replays it', async ({ fixture }, engines) => {
      const { store } = fixture;
      let bodies = 0;
      const engine = await engines.start(
        store,
        async (ctx) => {
          const paid = await ctx.transaction('pay', (tx, { attempt, idempotencyKey }) => {
            bodies += 1;
            return inOrder([() => fixture.insert(tx, ctx.runId)], { attempt, idempotencyKey });
          });
          await ctx.waitForSignal('go');
          return paid;
        },
        { worker: { maxPoll: 20, residentIdle: 1 } },
      );
      const { runId } = await engine.startRun('wf', null, { runId: 'r1' });
      await until(async () => (await engine.getRun(runId)).status === 'suspended');
      await until(() => engine.residentRuns === 0);
      await engine.signal('go');
      const result = await engine.waitForRun(runId);
      expect(result).toMatchObject({
        output: { attempt: 1, idempotencyKey: 'default:r1:0:1' },
      });
      expect(bodies).toBe(1);
      expect(await fixture.rows()).toEqual(['r1']);
      const events = await engine.history(runId);
      expect(events[0]).toMatchObject({ kind: 'transaction', type: 'completed', name: 'pay' });
    });

    engineTest('is not run again when its process dies after COMMIT', async (bench, engines) => {
      const { fixture } = bench;
      let bodies = 0;
      const run = async (ctx: Parameters<Parameters<Engines['start']>[1]>[0]) =>
        ctx.transaction('pay', (tx) => {
          bodies += 1;
          return inOrder([() => fixture.insert(tx, `${ctx.runId}-${bodies}`)], bodies);
        });
      const committed = Promise.withResolvers<void>();
      const deaf = deafAfterCommit(bench.store, committed.resolve);
      const first = await engines.start(deaf, run);
      const { runId } = await first.startRun('wf', null);
      await committed.promise;
      await crash(first, bench.store, runId);
      const second = await engines.start(await fixture.secondStore(), run);
      expect(await second.waitForRun(runId)).toMatchObject({ output: 1 });
      expect(bodies).toBe(1);
      expect(await fixture.rows()).toEqual([`${runId}-1`]);
    });

    engineTest(
      'records failed attempts, and commits the one that succeeds',
      async (bench, engines) => {
        const { fixture } = bench;
        const engine = await engines.start(bench.store, async (ctx) =>
          ctx.transaction('pay', (tx, { attempt }) =>
            inOrder(
              [
                () => fixture.insert(tx, `attempt-${attempt}`),
                () => {
                  if (attempt < 3) throw new Error(`attempt ${attempt} failed`);
                },
              ],
              attempt,
            ),
          ),
        );
        const { runId } = await engine.startRun('wf', null);
        expect(await engine.waitForRun(runId)).toMatchObject({ output: 3 });
        expect(await fixture.rows()).toEqual(['attempt-3']);
        const events = await engine.history(runId);
        expect(events.map(({ type, attempt }) => [type, attempt])).toEqual([
          ['attemptFailed', 1],
          ['attemptFailed', 2],
          ['completed', 3],
        ]);
      },
    );

    engineTest('whose result cannot be stored is rolled back', async (bench, engines) => {
      const { fixture } = bench;
      const engine = await engines.start(bench.store, async (ctx) =>
        ctx.transaction('pay', (tx) => inOrder([() => fixture.insert(tx, 'a')], { bad: () => 1 })),
      );
      const { runId } = await engine.startRun('wf', null);
      const result = await engine.waitForRun(runId);
      expect(result).toMatchObject({ status: 'failed', error: { code: 'UNSERIALIZABLE_VALUE' } });
      expect(await fixture.rows()).toEqual([]);
      expect(await engine.history(runId)).toHaveLength(1);
    });

    engineTest('that other code does not ask for blocks the run', async (bench, engines) => {
      const { fixture } = bench;
      const committed = Promise.withResolvers<void>();
      const deaf = deafAfterCommit(bench.store, committed.resolve);
      const first = await engines.start(deaf, async (ctx) => {
        await ctx.sleep(1);
        return ctx.transaction('pay', (tx) => inOrder([() => fixture.insert(tx, 'a')], 'paid'));
      });
      const { runId } = await first.startRun('wf', null);
      await committed.promise;
      await crash(first, bench.store, runId);
      const changed = await engines.start(await fixture.secondStore(), async (ctx) => {
        await ctx.sleep(1);
        return ctx.step('pay', () => 'something else');
      });
      await until(async () => (await changed.getRun(runId)).status === 'blocked');
      const { reason } = await changed.getRun(runId);
      expect(reason).toMatch(
        /position 2 history has transaction "pay", the code asks for step "pay"/,
      );
      await changed.stop();
      // The checkpoint is still there for the code that knows it.
      const fixed = await engines.start(await fixture.secondStore(), async (ctx) => {
        await ctx.sleep(1);
        return ctx.transaction('pay', () => Promise.reject(new Error('must not run')));
      });
      await fixed.retry(runId);
      expect(await fixed.waitForRun(runId)).toMatchObject({ output: 'paid' });
      expect(await fixture.rows()).toEqual(['a']);
    });

    engineTest('in progress at a cancel has its real outcome', async (bench, engines) => {
      const { fixture } = bench;
      if (fixture.oneWriter) return;
      const begun = Promise.withResolvers<void>();
      const cancelled = Promise.withResolvers<void>();
      const engine = await engines.start(bench.store, async (ctx) => {
        const paid = await ctx.transaction('pay', async (tx, { signal }) => {
          await fixture.insert(tx, 'a');
          begun.resolve();
          signal.addEventListener('abort', () => cancelled.resolve(), { once: true });
          await cancelled.promise;
          return 'paid';
        });
        return [paid, ctx.cancelled];
      });
      const { runId } = await engine.startRun('wf', null);
      await begun.promise;
      await engine.cancel(runId);
      expect(await engine.waitForRun(runId)).toMatchObject({ output: ['paid', true] });
      expect(await fixture.rows()).toEqual(['a']);
    });

    engineTest('that takes too long does not commit later', async (bench, engines) => {
      const { fixture } = bench;
      if (fixture.synchronous) return;
      const late = Promise.withResolvers<void>();
      const engine = await engines.start(bench.store, async (ctx) =>
        ctx.transaction(
          'pay',
          async (tx, { attempt, signal }) => {
            await fixture.insert(tx, `attempt-${attempt}`);
            // Where it holds the database, the next attempt waits for it.
            if (fixture.oneWriter) signal.addEventListener('abort', () => late.resolve());
            if (attempt === 1) await late.promise;
            return attempt;
          },
          // Enough for the second attempt on a busy machine.
          { timeout: 1_000 },
        ),
      );
      const { runId } = await engine.startRun('wf', null);
      expect(await engine.waitForRun(runId)).toMatchObject({ output: 2 });
      late.resolve();
      // Its slot is free when its transaction has ended.
      await engine.stop();
      expect(await fixture.rows()).toEqual(['attempt-2']);
    });

    engineTest('runs once over the retry of its run', async (bench, engines) => {
      const { fixture } = bench;
      let bodies = 0;
      let broken = true;
      const failing = Promise.withResolvers<void>();
      const engine = await engines.start(bench.store, async (ctx) => {
        const pay = ctx.transaction('pay', (tx) => {
          bodies += 1;
          return inOrder([() => fixture.insert(tx, `body-${bodies}`)], bodies);
        });
        const ship = ctx.step(
          'ship',
          async () => {
            await failing.promise;
            if (broken) throw new Error('no carrier');
          },
          { retries: 0 },
        );
        await Promise.allSettled([pay, ship]);
        await ship;
        return pay;
      });
      const { runId } = await engine.startRun('wf', null);
      await until(async () => (await fixture.rows()).length > 0);
      failing.resolve();
      expect(await engine.waitForRun(runId)).toMatchObject({ status: 'failed' });
      broken = false;
      await engine.retry(runId);
      expect(await engine.waitForRun(runId)).toMatchObject({ output: 1 });
      expect(await fixture.rows()).toEqual(['body-1']);
    });

    engineTest(
      'that ends after what failed the run is kept by the retry',
      async (bench, engines) => {
        const { fixture, store } = bench;
        let bodies = 0;
        let broken = true;
        const hasFailed = async (runId: string): Promise<boolean> => {
          const [events = []] = await store.history([{ runId, branch: 0, after: 0 }]);
          return events.some(({ type }) => type === 'failed');
        };
        // Its answer comes when the failure of the other has been recorded.
        const slow = override(store, {
          transaction: async (request, gate) => {
            const outcome = await store.transaction(request, gate);
            await until(() => hasFailed(request.runId));
            return outcome;
          },
        });
        const engine = await engines.start(slow, async (ctx) => {
          const pay = ctx.transaction('pay', (tx) => {
            bodies += 1;
            return inOrder([() => fixture.insert(tx, `body-${bodies}`)], bodies);
          });
          const fail = () => {
            if (broken) throw new Error('no carrier');
          };
          const ship = ctx.step('ship', fail, { retries: 0 });
          await Promise.allSettled([pay, ship]);
          await ship;
          return pay;
        });
        const { runId } = await engine.startRun('wf', null);
        expect(await engine.waitForRun(runId)).toMatchObject({ status: 'failed' });
        expect(await engine.history(runId)).toMatchObject([
          { kind: 'step', type: 'failed' },
          { kind: 'transaction', type: 'completed' },
        ]);
        broken = false;
        await engine.retry(runId);
        expect(await engine.waitForRun(runId)).toMatchObject({ output: 1 });
        expect(await fixture.rows()).toEqual(['body-1']);
      },
    );

    engineTest(
      'that had committed when its run failed is found by the retry',
      async (bench, engines) => {
        const { fixture } = bench;
        let bodies = 0;
        let broken = true;
        const committed = Promise.withResolvers<void>();
        const failed = Promise.withResolvers<void>();
        // The run fails between COMMIT and its answer.
        const slow = override(bench.store, {
          transaction: async (request, gate) => {
            const outcome = await bench.store.transaction(request, gate);
            committed.resolve();
            await failed.promise;
            return outcome;
          },
        });
        const engine = await engines.start(slow, async (ctx) => {
          const pay = ctx.transaction('pay', (tx) => {
            bodies += 1;
            return inOrder([() => fixture.insert(tx, `body-${bodies}`)], bodies);
          });
          const ship = ctx.step(
            'ship',
            async () => {
              await committed.promise;
              if (broken) throw new Error('no carrier');
            },
            { retries: 0 },
          );
          return (await Promise.all([pay, ship]))[0];
        });
        const { runId } = await engine.startRun('wf', null);
        expect(await engine.waitForRun(runId)).toMatchObject({ status: 'failed' });
        failed.resolve();
        broken = false;
        await engine.retry(runId);
        expect(await engine.waitForRun(runId)).toMatchObject({ output: 1 });
        expect(bodies).toBe(1);
        expect(await fixture.rows()).toEqual(['body-1']);
      },
    );

    engineTest(
      'may be asked for by more runs than there are connections',
      async (bench, engines) => {
        const { fixture } = bench;
        const engine = await engines.start(
          bench.store,
          async (ctx, id: string) => {
            await ctx.transaction('a', (tx) =>
              inOrder([() => fixture.insert(tx, `${id}-a`)], null),
            );
            await ctx.transaction('b', (tx) =>
              inOrder([() => fixture.insert(tx, `${id}-b`)], null),
            );
          },
          { worker: { maxPoll: 20 } },
        );
        const ids = Array.from({ length: 50 }, (_, n) => `run-${n}`);
        await Promise.all(ids.map((runId) => engine.startRun('wf', runId, { runId })));
        const results = await Promise.all(ids.map((runId) => engine.waitForRun(runId)));
        expect(results.every(({ status }) => status === 'completed')).toBe(true);
        expect(await fixture.rows()).toEqual(ids.flatMap((id) => [`${id}-a`, `${id}-b`]).sort());
      },
    );
  });
}
