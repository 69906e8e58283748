import { describe, expect, it } from 'vitest';
import { FatalError, RetryableError, type StepContext } from '../src/index.js';
import { runToEnd, startEngine } from './harness.js';

describe('a step', () => {
  it('is retried by its policy with one idempotency key, and every attempt is recorded', async () => {
    const seen: { attempt: number; key: string; progress: unknown }[] = [];
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step(
            'flaky',
            (step) => {
              seen.push({
                attempt: step.attempt,
                key: step.idempotencyKey,
                progress: step.progress,
              });
              step.heartbeat({ at: step.attempt });
              if (step.attempt < 3) throw new Error(`attempt ${step.attempt}`);
              return 'third';
            },
            { retries: 4, retry: { initialDelay: 5, jitter: 'none' } },
          ),
      },
    });
    const { runId, ...result } = await runToEnd(engine);
    expect(result).toMatchObject({ status: 'completed', output: 'third' });
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(seen.map(({ key }) => key))).toEqual(new Set([`default:${runId}:0:1`]));
    expect(seen.map(({ progress }) => progress)).toEqual([undefined, { at: 1 }, { at: 2 }]);
    const types = (await engine.history(runId)).map(({ type, attempt }) => `${type} ${attempt}`);
    expect(types).toEqual(['attemptFailed 1', 'attemptFailed 2', 'completed 3']);
  });

  it('makes retries + 1 attempts, three by default, and one for a FatalError', async () => {
    const counts = { default: 0, two: 0, fatal: 0 };
    const failing = (key: keyof typeof counts, error: () => Error) => () => {
      counts[key] += 1;
      throw error();
    };
    const engine = await startEngine({
      retry: { initialDelay: 1 },
      workflows: {
        wf: async (ctx) => {
          const plain = () => new Error('always');
          await ctx.step('default', failing('default', plain)).catch(() => 0);
          await ctx
            .step('two', failing('two', plain), { retries: 1, timeout: '1m' })
            .catch(() => 0);
          await ctx
            .step(
              'fatal',
              failing('fatal', () => new FatalError('stop')),
            )
            .catch(() => 0);
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ status: 'completed' });
    expect(counts).toEqual({ default: 3, two: 2, fatal: 1 });
  });

  it('waits as long as a RetryableError says', async () => {
    const times: number[] = [];
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step('limited', () => {
            times.push(Date.now());
            if (times.length === 1) throw new RetryableError('slow down', { after: 120 });
          }),
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ status: 'completed' });
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(119);
  });

  it('ends at its timeout, whether or not its function obeys the signal', async () => {
    const signals: AbortSignal[] = [];
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step(
            'deaf',
            (step: StepContext) => {
              signals.push(step.signal);
              return new Promise(() => {});
            },
            { timeout: 20, retries: 0 },
          ),
      },
    });
    expect(await runToEnd(engine)).toMatchObject({
      status: 'failed',
      error: { code: 'STEP_TIMEOUT' },
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('fails when it is silent for longer than its heartbeat timeout', async () => {
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step('silent', () => new Promise(() => {}), { heartbeatTimeout: 20, retries: 0 }),
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ error: { code: 'HEARTBEAT_TIMEOUT' } });
  });

  it('whose result cannot be stored fails at once with the path', async () => {
    let calls = 0;
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step('bad', () => {
            calls += 1;
            return { items: [1, () => 2] };
          }),
      },
    });
    const result = await runToEnd(engine);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UNSERIALIZABLE_VALUE' } });
    expect(String((result as { error: Error }).error.message)).toContain('$.items[1]');
    expect(calls).toBe(1);
  });

  it('gives the code the recorded value, never the live object', async () => {
    const live = { list: [1] };
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const value = await ctx.step('make', () => live);
          value.list.push(2);
          return { value, same: value === live };
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({
      output: { value: { list: [1, 2] }, same: false },
    });
    expect(live.list).toEqual([1]);
  });

  it('by reference gets a decoded copy of its input', async () => {
    const payments = { charge: async (input: { cents: number }) => input.cents * 2 };
    const engine = await startEngine({
      steps: [
        {
          name: 'charge',
          invoke: payments.charge,
          token: payments.charge,
          source: 'payments.charge',
        },
      ],
      workflows: { wf: (ctx) => ctx.step(payments.charge, { cents: 21 }) },
    });
    expect(await runToEnd(engine)).toMatchObject({ output: 42 });
  });
});
