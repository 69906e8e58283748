import { describe, expect, it } from 'vitest';
import { runToEnd, startEngine, until } from './harness.js';

describe('native combinators', () => {
  it('run steps in parallel and settle in the order of their ends', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const order: string[] = [];
          const step = async (name: string, ms: number) => {
            await ctx.step(name, () => new Promise((resolve) => setTimeout(resolve, ms)));
            order.push(name);
            return name;
          };
          const all = await Promise.all([step('a', 30), step('b', 10), step('c', 20)]);
          const first = await Promise.race([step('slow', 200), step('fast', 5)]);
          const any = await Promise.any([
            ctx.step('bad', () => Promise.reject(new Error('x')), { retries: 0 }),
            step('good', 5),
          ]);
          const settled = await Promise.allSettled([
            ctx.step('bad2', () => Promise.reject(new Error('y')), { retries: 0 }),
            step('good2', 5),
          ]);
          return { all, first, any, settled: settled.map(({ status }) => status), order };
        },
      },
    });
    const result = await runToEnd(engine);
    expect(result).toMatchObject({
      output: {
        all: ['a', 'b', 'c'],
        first: 'fast',
        any: 'good',
        settled: ['rejected', 'fulfilled'],
        order: ['b', 'c', 'a', 'fast', 'good', 'good2'],
      },
    });
  });

  it('survive a step whose rejection nobody awaits', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          void ctx.step('lost', () => Promise.reject(new Error('nobody cares')), { retries: 0 });
          await ctx.step('after', () => new Promise((resolve) => setTimeout(resolve, 10)));
          return 'ok';
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ status: 'completed', output: 'ok' });
  });
});

describe('regions', () => {
  it('ctx.map keeps the order of the items and the bound on concurrency', async () => {
    let now = 0;
    let most = 0;
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.map(
            'squares',
            [1, 2, 3, 4, 5, 6, 7],
            (item) =>
              ctx.step('square', async () => {
                now += 1;
                most = Math.max(most, now);
                await new Promise((resolve) => setTimeout(resolve, 5));
                now -= 1;
                return item * item;
              }),
            { concurrency: 3 },
          ),
      },
    });
    const { runId, ...result } = await runToEnd(engine);
    expect(result).toMatchObject({ output: [1, 4, 9, 16, 25, 36, 49] });
    expect(most).toBe(3);
    const [event] = await engine.history(runId);
    expect(event?.group).toEqual({ id: '1', mode: 'map', name: 'squares', branch: 0 });
  });

  it('ctx.race withdraws what the losers wait for, durably', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const winner = await ctx.race('decide', [
            async () => {
              await ctx.scope('inner', () => ctx.waitForSignal('go'));
              return 'signal';
            },
            async () => {
              await ctx.sleep(10);
              return 'timeout';
            },
          ]);
          return { winner, later: await ctx.waitForSignal('go') };
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await expect
      .poll(async () => (await engine.history(runId)).map(({ type, kind }) => `${type} ${kind}`))
      .toContain('withdrawn signal');
    await engine.signal('go', 'for the second wait');
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({ output: { winner: 'timeout', later: 'for the second wait' } });
  });

  it('ctx.race stops the losing step, also when the run is suspended by the same turn', async () => {
    let signal: AbortSignal | undefined;
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.race('decide', [
            () => ctx.step('fast', () => 1),
            () =>
              ctx.step('slow', (step) => {
                signal = step.signal;
                return new Promise(() => {});
              }),
          ]);
          await ctx.waitForSignal('go');
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(() => signal?.aborted === true);
    await engine.signal('go');
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      status: 'completed',
    });
  });

  it('ctx.all rejects with the first failure', async () => {
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.all('both', [
            () => ctx.step('bad', () => Promise.reject(new Error('first')), { retries: 0 }),
            () => ctx.sleep('1 day'),
          ]),
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ status: 'failed', error: { message: 'first' } });
  });
});
