/** Workflows whose code another process has: the run is the engine's, whatever becomes of that process. */
import { describe, expect, it } from 'vitest';
import { FatalError, InMemoryStateStore, type WorkflowCtx } from '../src/index.js';
import { crashAndTakeOver, hasStatus, quietRuntime, startEngine, until } from './harness.js';
import { type Body, ElsewhereTransport, type WorkerFaults } from './support/elsewhere.js';
import { gate } from './support/wrap-store.js';

const FAST = { maxPoll: 20, lease: 150, heartbeat: 50 } as const;

async function startElsewhere(
  workflows: Readonly<Record<string, Body>>,
  { store = new InMemoryStateStore(), faults = {} as WorkerFaults, worker = {} } = {},
) {
  const transport = new ElsewhereTransport();
  transport.faults = faults;
  transport.serveElsewhere(workflows);
  const engine = await startEngine({
    store,
    transport,
    runtime: quietRuntime,
    worker: { maxPoll: 20, ...worker },
    workflows: {},
  });
  return { engine, transport, store };
}

/** A workflow of everything that may go on at once; `done` counts the bodies of its steps. */
function busyWorkflow() {
  const done: string[] = [];
  const step = (ctx: WorkflowCtx, name: string) =>
    ctx.step(name, () => {
      done.push(name);
      return name;
    });
  const busy = async (ctx: WorkflowCtx) => {
    const first = await step(ctx, 'first');
    const both = await Promise.all([step(ctx, 'left'), step(ctx, 'right'), ctx.sleep(5)]);
    const failed = await ctx
      .step('refused', () => {
        throw new FatalError('no');
      })
      .catch((error: Error) => error.message);
    const approved = await ctx.waitForSignal<string>(`go:${ctx.runId}`);
    return { first, both, failed, approved, last: await step(ctx, 'last'), uuid: ctx.uuid() };
  };
  return { busy, done };
}

const BUSY_RESULT = {
  first: 'first',
  both: ['left', 'right', undefined],
  failed: 'no',
  approved: 'yes',
  last: 'last',
};

/** Loses the worker at one of the moments at which it may be lost, counted over all of them. */
function loseAt(moment: number): WorkerFaults & { readonly passed: number } {
  const faults = {
    passed: 0,
    beforeAnswer: () => pass(),
    afterTurn: () => pass(),
    beforeStep: () => pass(),
    afterStep: () => pass(),
  };
  const pass = () => {
    faults.passed += 1;
    if (faults.passed === moment) throw new Error('the worker is gone');
  };
  return faults;
}

describe('a workflow whose code is elsewhere', () => {
  it('ends the same wherever its worker is lost, and only a step that was running runs again', async () => {
    let moments = 1;
    for (let moment = 0; moment < moments; moment += 1) {
      const { busy, done } = busyWorkflow();
      const faults = loseAt(moment);
      const { engine, store } = await startElsewhere({ busy }, { faults });
      const { runId } = await engine.startRun('busy', null);
      await engine.signal(`go:${runId}`, 'yes');
      const result = await engine.waitForRun(runId, { timeout: '10s' });
      expect(result, `lost at moment ${moment}`).toMatchObject({ output: BUSY_RESULT });
      const history = await engine.history(runId);
      expect(history.filter(({ type }) => type === 'attemptFailed')).toEqual([]);
      expect(new Set(done)).toEqual(new Set(['first', 'left', 'right', 'last']));
      // Two steps run at once at most.
      expect(done.length).toBeLessThanOrEqual(moment === 0 ? 4 : 6);
      expect((await store.getRun(runId))?.crashes).toBe(0);
      if (moment === 0) moments = faults.passed + 1;
      await engine.stop();
    }
    expect(moments).toBeGreaterThan(15);
  });

  it('goes on with another engine and another worker', async () => {
    const store = new InMemoryStateStore();
    const { busy, done } = busyWorkflow();
    const first = await startElsewhere({ busy }, { store, worker: FAST });
    const { runId } = await first.engine.startRun('busy', null);
    await until(() => done.length === 3);
    await hasStatus(first.engine, runId, 'suspended');
    const transport = new ElsewhereTransport();
    transport.serveElsewhere({ busy });
    const second = await crashAndTakeOver(first.engine, { store, transport, workflows: {} });
    await second.signal(`go:${runId}`, 'yes');
    expect(await second.waitForRun(runId)).toMatchObject({ output: BUSY_RESULT });
    expect(done).toEqual(['first', 'left', 'right', 'last']);
  });

  it('is given back while nobody serves it, and goes on when somebody does', async () => {
    const { busy, done } = busyWorkflow();
    const { engine, transport, store } = await startElsewhere({ busy });
    transport.faults.beforeAnswer = () => {
      transport.serveElsewhere({});
      throw new Error('the only worker is gone');
    };
    const { runId } = await engine.startRun('busy', null);
    await until(async () => (await store.getRun(runId))?.epoch === 2);
    expect(await store.getRun(runId)).toMatchObject({ worker: null, crashes: 0 });
    transport.faults = {};
    await engine.signal(`go:${runId}`, 'yes');
    expect(done).toEqual([]);
    transport.serveElsewhere({ busy });
    expect(await engine.waitForRun(runId)).toMatchObject({ output: BUSY_RESULT });
  });

  it('keeps what a step came to until somebody serves it again', async () => {
    const { busy, done } = busyWorkflow();
    const { engine, transport } = await startElsewhere({ busy });
    transport.faults.beforeAnswer = ({ outcomes }) => {
      if (outcomes.length === 0) return;
      transport.serveElsewhere({});
      throw new Error('the only worker is gone');
    };
    const { runId } = await engine.startRun('busy', null);
    await until(() => done.length === 1);
    await engine.signal(`go:${runId}`, 'yes');
    transport.faults = {};
    transport.serveElsewhere({ busy });
    expect(await engine.waitForRun(runId)).toMatchObject({ output: BUSY_RESULT });
    expect(done).toEqual(['first', 'left', 'right', 'last']);
  });

  it('is blocked by code that does not fit its history, and goes on with code that does', async () => {
    const store = new InMemoryStateStore();
    const { busy } = busyWorkflow();
    const { engine, transport } = await startElsewhere(
      { busy },
      { store, worker: { residentCount: 0 } },
    );
    const { runId } = await engine.startRun('busy', null);
    await hasStatus(engine, runId, 'suspended');
    transport.serveElsewhere({
      busy: async (ctx) => {
        await ctx.step('other', () => 1);
      },
    });
    await engine.signal(`go:${runId}`, 'yes');
    await hasStatus(engine, runId, 'blocked');
    const { reason } = await engine.getRun(runId);
    expect(reason).toMatch(
      /at position 1 history has step "first", the code asks for step "other"/,
    );
    transport.serveElsewhere({ busy });
    await engine.retry(runId);
    expect(await engine.waitForRun(runId)).toMatchObject({ output: BUSY_RESULT });
  });

  it('is blocked by an answer that cannot be', async () => {
    const broken: Body = async (ctx) => ctx.sleep(-1 as never);
    const { engine, transport } = await startElsewhere({ broken });
    const open = transport.workflows.open.bind(transport.workflows);
    Object.assign(transport.workflows, {
      open: (workflow: never) => ({
        ...open(workflow),
        turn: async () => ({ asked: [], nextPosition: 1, broken: 'It sleeps by itself.' }),
        release: () => undefined,
      }),
    });
    const { runId } = await engine.startRun('broken', null);
    await hasStatus(engine, runId, 'blocked');
    expect((await engine.getRun(runId)).reason).toContain('It sleeps by itself.');
  });

  it('sends a long history in parts, and then only what is new', async () => {
    const steps = 1_300;
    const long: Body = async (ctx) => {
      for (let i = 0; i < steps; i += 1) await ctx.step('s', () => i);
      await ctx.waitForSignal('go');
      return ctx.step('t', () => 'end');
    };
    const { engine, transport } = await startElsewhere({ long }, { worker: { residentCount: 0 } });
    const { runId } = await engine.startRun('long', null);
    await hasStatus(engine, runId, 'suspended');
    expect(transport.turns.map(({ outcomes }) => outcomes.length)).toEqual([
      0,
      ...Array.from({ length: steps }, () => 1),
    ]);
    transport.turns.length = 0;
    await engine.signal('go');
    expect(await engine.waitForRun(runId)).toMatchObject({ output: 'end' });
    expect(transport.turns.map(({ outcomes }) => outcomes.length)).toEqual([500, 500, 300, 1, 1]);
  });

  it('decides a patch once, by what history holds', async () => {
    const store = new InMemoryStateStore();
    const seen: unknown[] = [];
    const old: Body = async (ctx) => {
      await ctx.waitForSignal('a');
      await ctx.waitForSignal('b');
    };
    const { engine, transport } = await startElsewhere(
      { old },
      { store, worker: { residentCount: 0 } },
    );
    const { runId } = await engine.startRun('old', null);
    await hasStatus(engine, runId, 'suspended');
    transport.serveElsewhere({
      old: async (ctx) => {
        seen.push(ctx.patched('early'));
        await ctx.waitForSignal('a');
        seen.push(ctx.patched('late'));
        await ctx.waitForSignal('b');
        return seen.splice(0);
      },
    });
    await engine.signal('a');
    await until(async () => (await engine.getRun(runId)).waitingFor[0]?.name === 'b');
    seen.length = 0;
    await engine.signal('b');
    expect(await engine.waitForRun(runId)).toMatchObject({ output: [false, true] });
  });

  it('fails the attempt of a step that loses its worker each time', async () => {
    let begun = 0;
    const retry = { retries: 1, retry: { initialDelay: 1 } } as const;
    const poison: Body = (ctx) =>
      ctx.step('poison', () => 1, retry).catch((error: { code: string }) => error.code);
    const faults: WorkerFaults = {
      beforeStep: () => {
        begun += 1;
        throw new Error('the worker is gone');
      },
    };
    const worker = { maxRemoteCrashes: 3 };
    const { engine } = await startElsewhere({ poison }, { faults, worker });
    const { runId } = await engine.startRun('poison', null);
    const result = await engine.waitForRun(runId, { timeout: '20s' });
    expect(result).toMatchObject({ output: 'REMOTE_CRASH' });
    // Three workers for each of two attempts.
    expect(begun).toBe(6);
  });

  it('learns that a child cannot be started as the failure of an operation', async () => {
    const { engine } = await startElsewhere({
      parent: (ctx) => ctx.child('nobody', null).catch((error: Error) => error.name),
    });
    const { runId } = await engine.startRun('parent', null);
    expect(await engine.waitForRun(runId)).toMatchObject({ output: 'UnknownWorkflowError' });
  });

  it('keeps what a step came to when the engine stops before the code has seen it', async () => {
    const store = new InMemoryStateStore();
    const bodies: string[] = [];
    const pay: Body = async (ctx) => {
      await ctx.step('pay', () => void bodies.push('pay'));
      await ctx.waitForSignal('go');
    };
    const [asked, answer] = [gate(), gate()];
    const faults: WorkerFaults = {
      beforeAnswer: async ({ outcomes }) => {
        if (outcomes.length === 0) return;
        asked.open();
        await answer.opened;
      },
    };
    const { engine } = await startElsewhere({ pay }, { store, faults });
    const { runId } = await engine.startRun('pay', null);
    await asked.opened;
    const stopped = engine.stop();
    answer.open();
    await stopped;
    const second = await startElsewhere({ pay }, { store });
    await hasStatus(second.engine, runId, 'suspended');
    expect(bodies).toEqual(['pay']);
  });
});
