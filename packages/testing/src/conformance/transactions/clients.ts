import { describe, expect } from 'vitest';
import { until } from './engines.js';
import { inOrder } from './fixture.js';
import type { EngineTest } from './workflows.js';

/** `startRun` and `signal` with `transaction`, in whole engines. */
export function describeTransactionalClients(engineTest: EngineTest): void {
  describe('a client with a transaction', () => {
    engineTest('starts a run that begins soon after the commit', async (bench, engines) => {
      const { fixture } = bench;
      // So rarely that only a hint makes it prompt.
      const options = { worker: { maxPoll: '1h' } } as const;
      const engine = await engines.start(bench.store, async () => 'ran', options);
      let started: Promise<unknown> = Promise.resolve();
      await fixture.begin((tx) => {
        started = engine.startRun('wf', { n: 1 }, { runId: 'r1', transaction: tx });
        return inOrder(
          [() => fixture.insert(tx, 'order'), () => (fixture.synchronous ? null : started)],
          null,
        );
      });
      expect(await started).toEqual({ runId: 'r1', status: 'pending', created: true });
      expect(await engine.waitForRun('r1')).toMatchObject({ output: 'ran' });
      // The same again is the same run, another input is a conflict.
      await fixture.begin((tx) => {
        started = engine.startRun('wf', { n: 1 }, { runId: 'r1', transaction: tx });
        return inOrder([() => (fixture.synchronous ? null : started)], null);
      });
      expect(await started).toMatchObject({ created: false });
      const conflicting = fixture.begin(async (tx) => {
        await engine.startRun('wf', { n: 2 }, { runId: 'r1', transaction: tx });
      });
      await expect(conflicting).rejects.toMatchObject({
        code: fixture.synchronous ? expect.anything() : 'RUN_CONFLICT',
      });
    });

    engineTest('starts nothing when it rolls back', async (bench, engines) => {
      const { fixture } = bench;
      const engine = await engines.start(bench.store, async () => 'ran');
      const rolledBack = fixture.begin((tx) =>
        inOrder(
          [
            () => fixture.insert(tx, 'order'),
            () => {
              const started = engine.startRun('wf', null, { runId: 'r1', transaction: tx });
              return fixture.synchronous ? null : started;
            },
            () => {
              throw new Error('changed my mind');
            },
          ],
          null,
        ),
      );
      await expect(rolledBack).rejects.toThrow('changed my mind');
      await expect(engine.getRun('r1')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
      expect(await fixture.rows()).toEqual([]);
    });

    engineTest('is refused the root handle', async (bench, engines) => {
      const { root } = bench.fixture;
      const engine = await engines.start(bench.store, async () => 'ran');
      const start = async () => engine.startRun('wf', null, { runId: 'r1', transaction: root });
      await expect(start()).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
      const signal = async () => engine.signal('t', 1, { transaction: root });
      await expect(signal()).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
      await expect(engine.getRun('r1')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    });

    engineTest('signals a run that waits, soon after the commit', async (bench, engines) => {
      const { fixture } = bench;
      const options = { worker: { maxPoll: '1h' } } as const;
      const run = async (ctx: Parameters<Parameters<typeof engines.start>[1]>[0]) =>
        ctx.waitForSignal('paid');
      const engine = await engines.start(bench.store, run, options);
      const { runId } = await engine.startRun('wf', null);
      await until(async () => (await engine.getRun(runId)).status === 'suspended');
      await fixture.begin((tx) =>
        inOrder(
          [
            () => {
              const sent = engine.signal('paid', { amount: 5 }, { id: 's1', transaction: tx });
              return fixture.synchronous ? null : sent;
            },
          ],
          null,
        ),
      );
      expect(await engine.waitForRun(runId)).toMatchObject({ output: { amount: 5 } });
      // Its id is known from then on.
      expect(await engine.signal('paid', 1, { id: 's1' })).toEqual({ accepted: false });
    });

    engineTest(
      'holds up no start but that of the id that it is about to use',
      async (bench, engines) => {
        const { fixture } = bench;
        if (fixture.oneWriter) return;
        const engine = await engines.start(bench.store, async () => 'ran');
        let sameId: Promise<unknown> = Promise.resolve();
        await fixture.begin(async (tx) => {
          await engine.startRun('wf', null, { runId: 'a', transaction: tx });
          sameId = engine.startRun('wf', null, { runId: 'a' });
          const others = ['b', 'c', 'd'].map((runId) => engine.startRun('wf', null, { runId }));
          for (const { runId } of await Promise.all(others)) await engine.waitForRun(runId);
          // Nor do later ones wait.
          await engine.startRun('wf', null, { runId: 'e' });
          await engine.waitForRun('e');
        });
        expect(await sameId).toEqual({ runId: 'a', status: 'pending', created: false });
        expect(await engine.waitForRun('a')).toMatchObject({ output: 'ran' });
      },
    );

    engineTest('that waits for itself is told so', async (bench, engines) => {
      const { fixture } = bench;
      // A whole database that is locked is waited for longer.
      if (fixture.oneWriter) return;
      const body = async () => 'ran';
      const engine = await engines.start(bench.store, body, { busyTimeout: 500 });
      const waiting = fixture.begin(async (tx) => {
        await engine.startRun('wf', null, { runId: 'a', transaction: tx });
        await engine.startRun('wf', null, { runId: 'a' });
      });
      await expect(waiting).rejects.toMatchObject({ code: 'RUN_ID_BUSY' });
      await expect(engine.getRun('a')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    });

    engineTest('may start and signal inside ctx.transaction', async (bench, engines) => {
      const { fixture } = bench;
      const engine = await engines.start(bench.store, async (ctx, input: string) => {
        if (input === 'child') return ctx.waitForSignal('hello');
        await ctx.transaction('begin', (tx) =>
          inOrder(
            [
              () => fixture.insert(tx, 'order'),
              () => {
                const started = engine.startRun('wf', 'child', { runId: 'c1', transaction: tx });
                return fixture.synchronous ? null : started;
              },
              () => {
                const sent = engine.signal('hello', 'you', { transaction: tx });
                return fixture.synchronous ? null : sent;
              },
            ],
            null,
          ),
        );
        return 'begun';
      });
      const { runId } = await engine.startRun('wf', 'parent');
      expect(await engine.waitForRun(runId)).toMatchObject({ output: 'begun' });
      expect(await engine.waitForRun('c1')).toMatchObject({ output: 'you' });
    });
  });
}
