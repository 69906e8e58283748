import { describe, expect, it } from 'vitest';
import { DurableEngine, InMemoryStateStore, type WorkflowCtx } from '../src/index.js';
import { runToEnd, startEngine } from './harness.js';

const wf = async (_ctx: WorkflowCtx, input: unknown) => input;

describe('bad input to start', () => {
  const cases: readonly [string, (engine: DurableEngine) => Promise<unknown>, string, string][] = [
    ['an unknown workflow', (e) => e.startRun('nope', 1), 'UNKNOWN_WORKFLOW', 'nope'],
    ['a workflow that is no name', (e) => e.startRun(42, 1), 'INVALID_ARGUMENT', 'workflow'],
    ['an empty id', (e) => e.startRun('wf', 1, { runId: '' }), 'INVALID_ARGUMENT', 'runId'],
    [
      'an id of 256 characters',
      (e) => e.startRun('wf', 1, { runId: 'x'.repeat(256) }),
      'INVALID_ARGUMENT',
      'runId',
    ],
    [
      'an id with a NUL',
      (e) => e.startRun('wf', 1, { runId: 'a\0b' }),
      'INVALID_ARGUMENT',
      'runId',
    ],
    [
      'a payload above the limit',
      (e) => e.startRun('wf', 'x'.repeat(3_000_000)),
      'PAYLOAD_TOO_LARGE',
      'input',
    ],
    [
      'a function in the payload',
      (e) => e.startRun('wf', { a: [() => 1] }),
      'UNSERIALIZABLE_VALUE',
      '$.a[0]',
    ],
    ['a cycle', (e) => e.startRun('wf', cycle()), 'UNSERIALIZABLE_VALUE', '$.self'],
    [
      'a negative timeout',
      (e) => e.startRun('wf', 1, { timeout: -1 }),
      'INVALID_ARGUMENT',
      'timeout',
    ],
    [
      'a NaN timeout',
      (e) => e.startRun('wf', 1, { timeout: Number.NaN }),
      'INVALID_ARGUMENT',
      'timeout',
    ],
    [
      'an absurd timeout',
      (e) => e.startRun('wf', 1, { timeout: '1e9d' }),
      'INVALID_ARGUMENT',
      'timeout',
    ],
    [
      'a timeout above 100 years',
      (e) => e.startRun('wf', 1, { timeout: '101000 weeks' }),
      'INVALID_ARGUMENT',
      'timeout',
    ],
    [
      'an invalid date',
      (e) => e.startRun('wf', 1, { startAt: new Date(Number.NaN) }),
      'INVALID_ARGUMENT',
      'startAt',
    ],
    [
      'a priority that is no number',
      (e) => e.startRun('wf', 1, { priority: 0.5 }),
      'INVALID_ARGUMENT',
      'priority',
    ],
    [
      'an empty tag',
      (e) => e.startRun('wf', 1, { tags: ['ok', ''] }),
      'INVALID_ARGUMENT',
      'tags[1]',
    ],
    ['an empty signal token', (e) => e.signal('', 1), 'INVALID_ARGUMENT', 'token'],
    [
      'a signal that cannot be stored',
      (e) => e.signal('t', Symbol('s')),
      'UNSERIALIZABLE_VALUE',
      '$',
    ],
    ['a page that is too large', (e) => e.listRuns({ limit: 1_000 }), 'INVALID_ARGUMENT', 'limit'],
    ['a run that does not exist', (e) => e.getRun('nobody'), 'RUN_NOT_FOUND', 'nobody'],
    [
      'waiting for a run that does not exist',
      (e) => e.waitForRun('nobody'),
      'RUN_NOT_FOUND',
      'nobody',
    ],
  ];

  it.each(cases)(
    '%s: an error that says what and where, and nothing has changed',
    async (_name, call, code, named) => {
      const engine = await startEngine({ workflows: { wf } });
      await expect(call(engine)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(named),
      });
      expect((await engine.listRuns()).runs).toEqual([]);
    },
  );
});

describe('bad input inside a workflow', () => {
  const cases: readonly [string, (ctx: WorkflowCtx) => unknown, string, string][] = [
    ['a negative sleep', (ctx) => ctx.sleep(-1), 'INVALID_ARGUMENT', 'duration'],
    ['a NaN sleep', (ctx) => ctx.sleep(Number.NaN), 'INVALID_ARGUMENT', 'duration'],
    [
      'an infinite sleep',
      (ctx) => ctx.sleep(Number.POSITIVE_INFINITY),
      'INVALID_ARGUMENT',
      'duration',
    ],
    ['an unreadable sleep', (ctx) => ctx.sleep('soon'), 'INVALID_ARGUMENT', 'duration'],
    [
      'a sleep until no date',
      (ctx) => ctx.sleepUntil(new Date(Number.NaN)),
      'INVALID_ARGUMENT',
      'when',
    ],
    ['a step without a name', (ctx) => ctx.step('', () => 1), 'INVALID_ARGUMENT', 'name'],
    ['a step without a function', (ctx) => ctx.step('s', 1 as never), 'INVALID_ARGUMENT', 'fn'],
    [
      'a step with negative retries',
      (ctx) => ctx.step('s', () => 1, { retries: -1 }),
      'INVALID_ARGUMENT',
      'retries',
    ],
    [
      'a method that is no step',
      (ctx) => ctx.step(async () => 1, null),
      'INVALID_ARGUMENT',
      '@DurableStep',
    ],
    ['a child of an unknown workflow', (ctx) => ctx.child('nope', 1), 'UNKNOWN_WORKFLOW', 'nope'],
    [
      'a race of promises',
      (ctx) => ctx.race('r', [Promise.resolve() as never]),
      'INVALID_ARGUMENT',
      'branches[0]',
    ],
    ['an output that cannot be stored', () => ({ f: () => 1 }), 'UNSERIALIZABLE_VALUE', '$.f'],
  ];

  it.each(cases)(
    '%s fails the run with an error that says what and where',
    async (_name, body, code, named) => {
      const engine = await startEngine({ workflows: { wf: async (ctx) => body(ctx) } });
      const result = await runToEnd(engine);
      expect(result).toMatchObject({
        status: 'failed',
        error: { code, message: expect.stringContaining(named) },
      });
    },
  );
});

describe('bad registrations and options', () => {
  it('a second workflow of one name and version is refused, and both are named', () => {
    const engine = new DurableEngine({ store: new InMemoryStateStore() });
    engine.registerWorkflow({ name: 'wf', version: '1', run: wf, source: 'FirstWorkflow' });
    const second = () =>
      engine.registerWorkflow({ name: 'wf', version: '1', run: wf, source: 'SecondWorkflow' });
    expect(second).toThrow(/FirstWorkflow.*SecondWorkflow/);
  });

  it.each([
    ['worker.lease', { worker: { lease: 0 } }],
    ['worker.heartbeat', { worker: { lease: '1s', heartbeat: '900ms' } }],
    ['retry.maxAttempts', { retry: { maxAttempts: 0 } }],
    ['namespace', { namespace: '' }],
    ['codec.maxBytes', { codec: { maxBytes: -1 } }],
    ['shutdownTimeout', { shutdownTimeout: 'never' }],
  ])('%s', (field, options) => {
    const make = () => new DurableEngine({ store: new InMemoryStateStore(), ...options });
    expect(make).toThrow(field);
  });

  it('a call before start says what to do', async () => {
    const engine = new DurableEngine({ store: new InMemoryStateStore() });
    await expect(engine.startRun('wf', 1)).rejects.toMatchObject({ code: 'NOT_STARTED' });
  });
});

function cycle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
