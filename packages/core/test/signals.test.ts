import { describe, expect, it } from 'vitest';
import { runToEnd, startEngine, until } from './harness.js';

describe('signals', () => {
  it('sent early are kept, in order, and each goes to one wait', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => [
          await ctx.waitForSignal('t'),
          await ctx.waitForSignal('t'),
          await ctx.waitForSignal('t'),
        ],
      },
    });
    for (const payload of [1, 2, 3, 4]) await engine.signal('t', payload);
    expect(await runToEnd(engine)).toMatchObject({ output: [1, 2, 3] });
    expect(await runToEnd(await sameStoreWait(engine))).toMatchObject({ output: 4 });
  });

  it('with an id are accepted once, also after they were consumed', async () => {
    const engine = await startEngine({ workflows: { wf: (ctx) => ctx.waitForSignal('t') } });
    expect(await engine.signal('t', 'a', { id: 'x' })).toEqual({ accepted: true });
    expect(await engine.signal('t', 'b', { id: 'x' })).toEqual({ accepted: false });
    expect(await runToEnd(engine)).toMatchObject({ output: 'a' });
    expect(await engine.signal('t', 'c', { id: 'x' })).toEqual({ accepted: false });
  });

  it('reach several waiters in the order of their waiting, from concurrent senders, none lost', async () => {
    const engine = await startEngine({ workflows: { wf: (ctx) => ctx.waitForSignal('t') } });
    const runs = await Promise.all(Array.from({ length: 20 }, () => engine.startRun('wf', null)));
    await Promise.all(Array.from({ length: 20 }, (_, n) => engine.signal('t', n)));
    const results = await Promise.all(
      runs.map(({ runId }) => engine.waitForRun(runId, { timeout: '5s' })),
    );
    const outputs = results.map((result) => (result as unknown as { output: number }).output);
    expect(outputs.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it('that come too late lose to the timeout, and stay for the next wait', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const first = await ctx
            .waitForSignal('t', { timeout: 10 })
            .catch((error: Error) => error.name);
          return [first, await ctx.waitForSignal('t')];
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () => (await engine.history(runId)).some(({ type }) => type === 'failed'));
    await engine.signal('t', 'late');
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({ output: ['SignalTimeoutError', 'late'] });
  });

  it('of a loop of idle waits are not swallowed by waits that were left behind', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          for (let idle = 0; ; idle += 1) {
            const got = await Promise.race([
              ctx.waitForSignal('cmd'),
              ctx.sleep(5).then(() => null),
            ]);
            if (got !== null) return { got, waitedMore: idle >= 3 };
          }
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(
      async () =>
        (await engine.history(runId)).filter(
          ({ kind, type }) => kind === 'signal' && type === 'scheduled',
        ).length > 3,
    );
    await engine.signal('cmd', 'run');
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({ output: { got: 'run', waitedMore: true } });
  });
});

/** The same engine, to start another run on it. */
async function sameStoreWait(engine: Awaited<ReturnType<typeof startEngine>>) {
  engine.registerWorkflow({
    name: 'wf',
    version: '2',
    run: (ctx) => ctx.waitForSignal('t'),
    source: 'wf2',
  });
  return engine;
}

describe('two waits of one run on one token', () => {
  it('are one wait: the newer takes the place of the older, and a run that is left with the older alone is blocked', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => Promise.all([ctx.waitForSignal('t'), ctx.waitForSignal('t')]),
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await engine.signal('t', 'only');
    await expect(engine.waitForRun(runId, { timeout: '5s' })).rejects.toMatchObject({
      code: 'RUN_BLOCKED',
    });
    const history = await engine.history(runId);
    expect(history.map(({ type, position }) => `${type} ${position}`)).toEqual([
      'scheduled 1',
      'scheduled 2',
      'withdrawn 1',
      'completed 2',
    ]);
  });

  it('with one id on two tokens are two signals', async () => {
    const engine = await startEngine({
      workflows: {
        wf: (ctx) => Promise.all([ctx.waitForSignal('a'), ctx.waitForSignal('b')]),
      },
    });
    await engine.signal('a', 1, { id: 'same' });
    await engine.signal('b', 2, { id: 'same' });
    expect(await runToEnd(engine)).toMatchObject({ output: [1, 2] });
  });
});
