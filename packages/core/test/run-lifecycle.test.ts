import { afterEach, describe, expect, it } from 'vitest';
import { DurableEngine, InMemoryStateStore, type WorkflowCtx } from '../src/index.js';

const engines: DurableEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
});

async function engineWith(
  run: (ctx: WorkflowCtx, input: never) => Promise<unknown>,
  store = new InMemoryStateStore(),
): Promise<DurableEngine> {
  const engine = new DurableEngine({ store, worker: { maxPoll: 50 } });
  engine.registerWorkflow({ name: 'wf', version: '1', run, source: 'test' });
  await engine.start();
  engines.push(engine);
  return engine;
}

describe('a run', () => {
  it('goes through steps, a signal and a sleep to its result', async () => {
    const bodies: string[] = [];
    const engine = await engineWith(async (ctx, order: { id: string }) => {
      const a = await ctx.step('reserve', () => {
        bodies.push('reserve');
        return { reserved: true };
      });
      const approval = await ctx.waitForSignal<{ ok: boolean }>(`approve:${order.id}`);
      await ctx.sleep(20);
      await ctx.step('ship', async () => {
        bodies.push('ship');
      });
      return { a, approval };
    });
    const { runId, status } = await engine.startRun('wf', { id: '7' });
    expect(status).toBe('pending');
    await engine.signal('approve:7', { ok: true });
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toEqual({
      runId,
      status: 'completed',
      output: { a: { reserved: true }, approval: { ok: true } },
    });
    expect(bodies).toEqual(['reserve', 'ship']);
    const history = await engine.history(runId);
    expect(history.map(({ type, kind, name }) => `${type} ${kind} ${name}`)).toEqual([
      'completed step reserve',
      'scheduled signal approve:7',
      'completed signal approve:7',
      'scheduled sleep sleep',
      'completed sleep sleep',
      'completed step ship',
    ]);
  });
});
