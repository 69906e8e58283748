import { describe, expect, it } from 'vitest';
import { runToEnd, startEngine } from './harness.js';

describe('what the run graph needs of history', () => {
  it('is the cause of each operation: the outcome whose delivery made the code ask', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.step('a', () => 1);
          await Promise.all([ctx.step('b', () => 2), ctx.step('c', () => 3)]);
          await ctx.step('d', () => 4);
        },
      },
    });
    const { runId } = await runToEnd(engine);
    const causes = (await engine.history(runId)).map(
      ({ name, seq, cause }) => `${seq}:${name}<${cause}`,
    );
    expect(causes).toEqual(['1:a<0', '2:b<1', '3:c<1', '4:d<3']);
  });

  it('is the call site, where it is switched on, and never otherwise', async () => {
    const workflows = {
      wf: async (ctx: import('../src/index.js').WorkflowCtx) => {
        await ctx.step('here', () => 1);
        for (let i = 0; i < 2; i += 1) await ctx.sleep(0);
      },
    };
    const sitesWith = async (captureSites: boolean) => {
      const engine = await startEngine({ captureSites, workflows });
      const { runId } = await runToEnd(engine);
      const asked = (await engine.history(runId)).filter(
        ({ type, kind }) => kind === 'step' || type === 'scheduled',
      );
      return asked.map(({ site }) => site);
    };
    expect(await sitesWith(false)).toEqual([null, null, null]);
    const [step, first, second] = await sitesWith(true);
    expect(step).toMatch(/graph-facts\.test\.ts:\d+:\d+$/);
    expect(first).toMatch(/graph-facts\.test\.ts:\d+:\d+$/);
    expect(first).not.toBe(step);
    expect(second).toBe(first);
  });

  it('is the region of each operation, with its branch', async () => {
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.scope('checkout', () =>
            ctx.all('both', [() => ctx.step('x', () => 1), () => ctx.step('y', () => 2)]),
          ),
      },
    });
    const { runId } = await runToEnd(engine);
    expect((await engine.history(runId)).map(({ group }) => group)).toEqual([
      { id: '2', mode: 'all', name: 'both', branch: 0, parent: { id: '1', branch: 0 } },
      { id: '2', mode: 'all', name: 'both', branch: 1, parent: { id: '1', branch: 0 } },
    ]);
  });
});
