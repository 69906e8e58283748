import { describe, expect, it } from 'vitest';
import { ChildFailedError } from '../src/index.js';
import { runToEnd, startEngine, until } from './harness.js';

describe('a child run', () => {
  it('gives its output to the parent, and knows its parent', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => ({ parent: ctx.runId, child: await ctx.child('kid', { n: 2 }) }),
        kid: async (ctx, input: { n: number }) => ({ n: input.n * 2, parent: ctx.run.parentRunId }),
      },
    });
    const { runId, ...result } = await runToEnd(engine);
    expect(result).toMatchObject({ output: { parent: runId, child: { n: 4, parent: runId } } });
    expect((await engine.listRuns({ parentRunId: runId })).runs).toHaveLength(1);
  });

  it('that fails rejects with ChildFailedError, with its error as the cause', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          try {
            await ctx.child('kid', null);
            return 'no error';
          } catch (error) {
            return error instanceof ChildFailedError ? (error.cause as Error).message : 'other';
          }
        },
        kid: async () => {
          throw new TypeError('kid is broken');
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ output: 'kid is broken' });
  });

  it('started with startChild runs beside the parent, and its result can be asked for once or more', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const handle = await ctx.startChild<number, number>('kid', 5);
          await ctx.sleep(50);
          return [await handle.result(), await handle.result(), handle.runId];
        },
        kid: async (_ctx, input: number) => input + 1,
      },
    });
    const result = await runToEnd(engine);
    expect(result).toMatchObject({ output: [6, 6, expect.any(String)] });
  });

  it('whose id is taken by another run fails its start, and the parent is told', async () => {
    const engine = await startEngine({
      workflows: {
        wf: (ctx) => ctx.child('kid', 1, { runId: 'taken' }),
        kid: async (_ctx, input) => input,
      },
    });
    await engine.startRun('kid', 'mine', { runId: 'taken' });
    expect(await runToEnd(engine)).toMatchObject({
      status: 'failed',
      error: { code: 'CHILD_FAILED' },
    });
  });

  it('follows its parent by its close policy', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const ids: string[] = [];
          for (const closePolicy of ['cancel', 'terminate', 'abandon'] as const) {
            ids.push((await ctx.startChild('kid', null, { closePolicy })).runId);
          }
          return ids;
        },
        kid: (ctx) => ctx.sleep('1 day'),
      },
    });
    const result = await runToEnd(engine);
    const ids = (result as unknown as { output: string[] }).output;
    const status = async (index: number) => (await engine.getRun(ids[index] ?? '')).status;
    await until(async () => (await status(0)) === 'cancelled');
    expect(await status(1)).toBe('cancelled');
    await until(async () => (await status(2)) === 'suspended');
  });
});
