import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FatalError, remoteStep, type StepContext, type StepDefinition } from '../src/index.js';
import { runToEnd, startEngine, until } from './harness.js';

const charge = remoteStep({
  name: 'payments.charge',
  input: z.object({ cents: z.number().int() }),
  output: z.object({ id: z.string() }),
  retry: { initialDelay: 1 },
});

function handler(invoke: (input: { cents: number }, step: StepContext) => unknown): StepDefinition {
  return {
    name: charge.name,
    contract: charge as never,
    invoke: invoke as never,
    source: 'Payments.charge',
  };
}

describe('a remote step in the same process', () => {
  it('carries validated input and output, and records each attempt it dispatched', async () => {
    const keys: string[] = [];
    const engine = await startEngine({
      steps: [
        handler((input, step) => {
          keys.push(step.idempotencyKey);
          return { id: `ch_${input.cents}` };
        }),
      ],
      workflows: { wf: (ctx) => ctx.remote(charge, { cents: 5 }) },
    });
    const { runId, ...result } = await runToEnd(engine);
    expect(result).toMatchObject({ status: 'completed', output: { id: 'ch_5' } });
    expect(keys).toEqual([`default:${runId}:0:1`]);
    expect((await engine.history(runId)).map(({ type }) => type)).toEqual([
      'scheduled',
      'completed',
    ]);
  });

  it('is retried after failures, and not after a fatal one', async () => {
    let attempts = 0;
    const engine = await startEngine({
      steps: [
        handler((input) => {
          attempts += 1;
          if (input.cents === 0) throw new FatalError('never');
          if (attempts < 3) throw new Error('again');
          return { id: String(attempts) };
        }),
      ],
      workflows: { wf: (ctx, input) => ctx.remote(charge, input) },
    });
    expect(await runToEnd(engine, { cents: 1 })).toMatchObject({ output: { id: '3' } });
    attempts = 0;
    expect(await runToEnd(engine, { cents: 0 })).toMatchObject({
      status: 'failed',
      error: { code: 'FATAL' },
    });
    expect(attempts).toBe(1);
  });

  it('hands the progress of a failed attempt to the next', async () => {
    const seen: unknown[] = [];
    const engine = await startEngine({
      steps: [
        handler((_input, { heartbeat, attempt, progress }) => {
          seen.push(progress);
          heartbeat({ done: attempt * 10 });
          if (attempt < 3) throw new Error('again');
          return { id: 'ok' };
        }),
      ],
      workflows: { wf: (ctx) => ctx.remote(charge, { cents: 1 }) },
    });
    expect(await runToEnd(engine)).toMatchObject({ status: 'completed' });
    expect(seen).toEqual([undefined, { done: 10 }, { done: 20 }]);
  });

  it('refuses input and output that do not fit the contract, naming the field', async () => {
    let called = 0;
    const engine = await startEngine({
      steps: [
        handler(() => {
          called += 1;
          return { id: 7 };
        }),
      ],
      workflows: { wf: (ctx, input) => ctx.remote(charge, input, { retries: 1 }) },
    });
    const bad = await runToEnd(engine, { cents: 1.5 });
    expect(bad).toMatchObject({ status: 'failed', error: { code: 'INVALID_INPUT' } });
    expect(called).toBe(0);
    const worse = await runToEnd(engine, { cents: 1 });
    expect(worse).toMatchObject({
      error: { code: 'INVALID_OUTPUT', message: expect.stringContaining('id') },
    });
    expect(called).toBe(2);
  });

  it('is asked to stop by a cancel, and its real outcome is recorded', async () => {
    let began = false;
    const engine = await startEngine({
      steps: [
        handler(async (_input, step) => {
          began = true;
          await new Promise((resolve) => step.signal.addEventListener('abort', resolve));
          return { id: 'went through' };
        }),
      ],
      workflows: {
        wf: (ctx) =>
          ctx.remote(charge, { cents: 5 }).then((result) => ctx.step('note', () => result)),
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(() => began);
    await engine.cancel(runId);
    await engine.waitForRun(runId, { timeout: '5s' });
    const completed = (await engine.history(runId)).find(
      ({ type, kind }) => type === 'completed' && kind === 'remote',
    );
    expect(completed?.result).toEqual({ id: 'went through' });
  });

  it('ends at its timeout', async () => {
    const engine = await startEngine({
      steps: [handler(() => new Promise(() => {}))],
      workflows: { wf: (ctx) => ctx.remote(charge, { cents: 5 }, { timeout: 20, retries: 0 }) },
    });
    expect(await runToEnd(engine)).toMatchObject({
      status: 'failed',
      error: { code: 'STEP_TIMEOUT' },
    });
  });
});
