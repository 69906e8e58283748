import { describe, expect, it } from 'vitest';
import { CancelledError } from '../src/index.js';
import { startEngine, until } from './harness.js';

describe('cancel', () => {
  it('waits for the real outcome of a running step, then rejects what is pending; clean-up runs', async () => {
    const log: string[] = [];
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          let charged: string | null = null;
          try {
            await Promise.all([
              ctx
                .step('charge', async (step) => {
                  log.push('charge began');
                  await new Promise((resolve) => step.signal.addEventListener('abort', resolve));
                  return 'charge went through';
                })
                .then((value) => {
                  charged = value;
                }),
              ctx.sleep('1 day'),
            ]);
            return 'not cancelled';
          } finally {
            await ctx.step('refund', () => {
              log.push(`refund after: ${charged}, cancelled: ${ctx.cancelled}`);
            });
          }
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(() => log.includes('charge began'));
    await engine.cancel(runId, 'customer left');
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result.status).toBe('cancelled');
    expect(log).toEqual(['charge began', 'refund after: charge went through, cancelled: true']);
    expect((await engine.getRun(runId)).reason).toBe('customer left');
  });

  it('of a run that never began does not run its body', async () => {
    let began = false;
    const engine = await startEngine({
      workflows: {
        wf: async () => {
          began = true;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null, { startAt: new Date(Date.now() + 60_000) });
    expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' });
    expect(began).toBe(false);
  });

  it('that the body swallows ends as the body does, with the request recorded', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.sleep('1 day').catch((error: unknown) => error instanceof CancelledError);
          return { cancelled: ctx.cancelled, after: await ctx.step('after', () => 'ran') };
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () => (await engine.getRun(runId)).status === 'suspended');
    await engine.cancel(runId);
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({
      status: 'completed',
      output: { cancelled: true, after: 'ran' },
    });
    expect((await engine.history(runId)).some(({ kind }) => kind === 'cancel')).toBe(true);
    await expect(engine.cancel(runId)).rejects.toMatchObject({ code: 'RUN_STATE' });
  });

  it('does not wait longer than its grace for a deaf step', async () => {
    const engine = await startEngine({
      worker: { cancelGrace: 30, maxPoll: 20 },
      workflows: { wf: (ctx) => ctx.step('deaf', () => new Promise(() => {})) },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () => (await engine.getRun(runId)).status === 'running');
    await engine.cancel(runId);
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      status: 'cancelled',
    });
    const failed = (await engine.history(runId)).find(({ type }) => type === 'failed');
    expect(failed?.detail?.outcomeUnknown).toBe(true);
  });

  it('terminates clean-up that does not end', async () => {
    const engine = await startEngine({
      worker: { cancelGrace: 10, cleanupGrace: 50, maxPoll: 20 },
      workflows: {
        wf: async (ctx) => {
          for (;;) await ctx.sleep(20).catch(() => null);
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await engine.cancel(runId);
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      status: 'cancelled',
    });
  });

  it('reaches the children that the run awaits', async () => {
    const engine = await startEngine({
      workflows: { wf: (ctx) => ctx.child('kid', null), kid: (ctx) => ctx.sleep('1 day') },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(
      async () =>
        (await engine.listRuns({ parentRunId: runId, status: 'suspended' })).runs.length === 1,
    );
    await engine.cancel(runId);
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      status: 'cancelled',
    });
    const { runs } = await engine.listRuns({ parentRunId: runId });
    expect(runs.map(({ status }) => status)).toEqual(['cancelled']);
  });
});

describe('terminate', () => {
  it('ends the run at once, without clean-up', async () => {
    const log: string[] = [];
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          try {
            await ctx.sleep('1 day');
          } finally {
            log.push('clean-up');
          }
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () => (await engine.getRun(runId)).status === 'suspended');
    expect(await engine.terminate(runId, 'stuck')).toMatchObject({
      status: 'cancelled',
      reason: 'stuck',
    });
    expect(log).toEqual([]);
    await engine.deleteRun(runId);
    await expect(engine.getRun(runId)).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
      httpStatus: 404,
    });
  });

  it('of a running run aborts its step, whose result is not recorded', async () => {
    let signal: AbortSignal | undefined;
    const engine = await startEngine({
      worker: { maxPoll: 20, lease: 200, heartbeat: 40 },
      workflows: {
        wf: (ctx) =>
          ctx.step('long', (step) => {
            signal = step.signal;
            return new Promise((resolve) => step.signal.addEventListener('abort', resolve));
          }),
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(() => signal !== undefined);
    await engine.terminate(runId);
    await until(() => signal?.aborted === true);
    expect(await engine.history(runId)).toEqual([]);
  });
});
