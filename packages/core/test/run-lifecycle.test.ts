import { describe, expect, it } from 'vitest';
import { RunConflictError, UnknownWorkflowError, WaitTimeoutError } from '../src/index.js';
import { runToEnd, startEngine, until } from './harness.js';

describe('a run', () => {
  it('goes through steps, a signal and a sleep to its result', async () => {
    const bodies: string[] = [];
    const engine = await startEngine({
      workflows: {
        wf: async (ctx, order: { id: string }) => {
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
        },
      },
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
    expect(history.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(history.map(({ cause }) => cause)).toEqual([0, 1, 1, 3, 3, 5]);
  });

  it('is started once per id, and refuses another start under its id', async () => {
    const engine = await startEngine({
      workflows: { wf: async (_ctx, input) => input, other: async () => 1 },
    });
    const first = await engine.startRun('wf', { b: 1, a: 2 }, { runId: 'order-1' });
    const again = await engine.startRun('wf', { a: 2, b: 1 }, { runId: 'order-1' });
    expect([first.created, again.created]).toEqual([true, false]);
    await expect(engine.startRun('wf', { a: 3 }, { runId: 'order-1' })).rejects.toThrow(
      RunConflictError,
    );
    await expect(
      engine.startRun('other', { a: 2, b: 1 }, { runId: 'order-1' }),
    ).rejects.toMatchObject({
      code: 'RUN_CONFLICT',
      httpStatus: 409,
    });
  });

  it('of a workflow that nobody has announced is refused', async () => {
    const engine = await startEngine({ workflows: { wf: async () => 1 } });
    await expect(engine.startRun('nope', null)).rejects.toThrow(UnknownWorkflowError);
    await expect(engine.startRun('nope', null, { version: '2' })).rejects.toThrow(/nope/);
    expect((await engine.listRuns()).runs).toEqual([]);
  });

  it('takes the default version, else the highest by natural order', async () => {
    const engine = await startEngine({ workflows: {} });
    for (const version of ['9', '10', '2']) {
      engine.registerWorkflow({ name: 'wf', version, run: async () => version, source: version });
    }
    expect(await runToEnd(engine)).toMatchObject({ output: '10' });
    engine.registerWorkflow({
      name: 'wf',
      version: '3',
      isDefault: true,
      run: async () => '3',
      source: '3',
    });
    expect(await runToEnd(engine)).toMatchObject({ output: '3' });
  });

  it('keeps undefined and special values as input and output', async () => {
    const engine = await startEngine({ workflows: { wf: async (_ctx, input) => input } });
    const input = {
      at: new Date(0),
      big: 12n,
      set: new Set([1]),
      none: undefined,
      nan: Number.NaN,
    };
    expect(await runToEnd(engine, input)).toMatchObject({ output: input });
    const { runId } = await engine.startRun('wf', undefined);
    expect(await engine.waitForRun(runId)).toEqual({
      runId,
      status: 'completed',
      output: undefined,
    });
  });

  it('is shown with what it waits for, and waiting for it times out while it goes on', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.sleep('40 days');
          return 'late';
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () => (await engine.getRun(runId)).status === 'suspended');
    const run = await engine.getRun(runId);
    expect(run.waitingFor).toHaveLength(1);
    const [wait] = run.waitingFor;
    expect(wait?.kind).toBe('timer');
    expect((wait?.until ?? 0) - run.createdAt.getTime()).toBeGreaterThanOrEqual(40 * 86_400_000);
    await expect(engine.waitForRun(runId, { timeout: 20 })).rejects.toThrow(WaitTimeoutError);
  });

  it('fails with its error, its class and its own properties', async () => {
    class CardDeclined extends Error {
      override readonly name = 'CardDeclined';
      readonly code = 'declined';
    }
    const engine = await startEngine({
      codec: { errors: [CardDeclined] },
      workflows: {
        wf: async (ctx) => {
          await ctx.step(
            'charge',
            () => {
              throw new CardDeclined('no funds');
            },
            { retries: 0 },
          );
        },
      },
    });
    const result = await runToEnd(engine);
    expect(result.status).toBe('failed');
    if (result.status !== 'failed') return;
    expect(result.error).toBeInstanceOf(CardDeclined);
    expect(result.error).toMatchObject({ message: 'no funds', code: 'declined' });
  });

  it('fails when its timeout is over, and a retry goes on without it', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const first = await ctx.step('first', () => 1);
          await ctx.sleep(150);
          return first;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null, { timeout: 40 });
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } });
    await engine.retry(runId);
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 1 });
  });
});
