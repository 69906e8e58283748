/** What a process does when it stops, ends runs from outside, or cannot read or write: nothing hangs, nothing is lost. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  InMemoryStateStore,
  remoteStep,
  type StateStore,
  type StepContext,
  type StepDefinition,
  type WorkflowCtx,
} from '../src/index.js';
import type { Arrival } from '../src/model/message.js';
import { createEngine, hasStatus, quietRuntime, startEngine, until } from './harness.js';
import { aborted, gate, wrapStore } from './support/wrap-store.js';

const pay = remoteStep({ name: 'pay', input: z.number(), output: z.number() });

function payHandler(invoke: (step: StepContext) => Promise<number>): StepDefinition {
  return {
    name: pay.name,
    contract: pay as never,
    invoke: ((_input: number, step: StepContext) => invoke(step)) as never,
    source: 'pay',
  };
}

/** 'ended' when the promise settles in time, either way. */
async function endsWithin(ms: number, promise: Promise<unknown>): Promise<string> {
  const end = promise.then(
    () => 'ended',
    () => 'ended',
  );
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('still pending'), ms));
  return Promise.race([end, late]);
}

describe('stop', () => {
  it('ends within the shutdown time when nothing can be written', async () => {
    const base = new InMemoryStateStore();
    let down = false;
    let failures = 0;
    const store = wrapStore(base, {
      commit: async (turns) => {
        if (!down) return base.commit(turns);
        failures += 1;
        throw new Error('the database is away');
      },
    });
    const ready = gate();
    const engine = createEngine({
      store,
      shutdownTimeout: '200ms',
      runtime: quietRuntime,
      workflows: { wf: (ctx) => ctx.step('a', () => ready.opened) },
    });
    await engine.start();
    await engine.startRun('wf', null);
    down = true;
    ready.open();
    await until(() => failures > 0);
    expect(await endsWithin(3_000, engine.stop())).toBe('ended');
  });

  it('leaves nobody waiting for a start or a signal that cannot be written', async () => {
    const base = new InMemoryStateStore();
    const away = async () => {
      throw new Error('the database is away');
    };
    const engine = createEngine({
      store: wrapStore(base, { createRuns: away, signal: away }),
      shutdownTimeout: '50ms',
      runtime: quietRuntime,
      workflows: { wf: async () => null },
    });
    await engine.start();
    const calls = [engine.startRun('wf', null), engine.signal('token')];
    const ends = Promise.allSettled(calls);
    await engine.stop();
    const error = expect.objectContaining({ code: 'SHUTDOWN' });
    const refused = { status: 'rejected', reason: error };
    expect(await ends).toEqual([refused, refused]);
  });

  it('called a second time, ends when the first call does', async () => {
    const begun = gate();
    const finish = gate();
    let finished = false;
    const engine = await startEngine({
      workflows: {
        wf: (ctx) =>
          ctx.step('a', async () => {
            begun.open();
            await finish.opened;
            finished = true;
          }),
      },
    });
    await engine.startRun('wf', null);
    await begun.opened;
    const first = engine.stop();
    const second = engine.stop().then(() => finished);
    await new Promise(setImmediate);
    finish.open();
    expect(await second).toBe(true);
    await first;
  });

  it('ends waiting callers and closes the store although the worker cannot be released', async () => {
    const base = new InMemoryStateStore();
    let closed = 0;
    const store = wrapStore(base, {
      releaseWorker: () => Promise.reject(new Error('the database is away')),
      close: async () => {
        closed += 1;
      },
    });
    const engine = createEngine({
      store,
      shutdownTimeout: '200ms',
      runtime: quietRuntime,
      workflows: { wf: (ctx) => ctx.waitForSignal('x') },
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    await hasStatus(engine, runId, 'suspended');
    const waiting = engine.waitForRun(runId);
    const failure = waiting.catch((error: unknown) => error);
    expect(await endsWithin(3_000, engine.stop())).toBe('ended');
    expect(await endsWithin(1_000, waiting)).toBe('ended');
    expect(await failure).toMatchObject({ name: 'ShutdownError' });
    expect(closed).toBe(1);
    expect(await endsWithin(1_000, engine.stop())).toBe('ended');
  });

  it.each([
    ['fails the first time', 1],
    ['never answers', Number.POSITIVE_INFINITY],
  ])('ends in time when giving the runs back %s', async (_, failures) => {
    const base = new InMemoryStateStore();
    let tries = 0;
    const store = wrapStore(base, {
      releaseWorker: async (worker) => {
        tries += 1;
        if (failures === Number.POSITIVE_INFINITY) return new Promise(() => {});
        if (tries <= failures) throw new Error('the connection is lost');
        return base.releaseWorker(worker);
      },
    });
    const held = gate();
    const engine = createEngine({
      store,
      shutdownTimeout: '300ms',
      runtime: quietRuntime,
      workflows: { wf: (ctx) => ctx.step('a', () => held.opened) },
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    expect(await endsWithin(3_000, engine.stop())).toBe('ended');
    const run = await base.getRun(runId);
    expect(run?.worker === null).toBe(failures === 1);
    held.open();
  });

  it('takes no more remote tasks once it has begun', async () => {
    const base = new InMemoryStateStore();
    let stopping = false;
    let late = 0;
    const asked = gate();
    const answer = gate();
    const begun = gate();
    const store = wrapStore(base, {
      takeTasks: async (request) => {
        if (stopping) late += 1;
        asked.open();
        await answer.opened;
        return base.takeTasks(request);
      },
    });
    const engine = await startEngine({
      store,
      steps: [payHandler(async () => 1)],
      workflows: {
        wf: (ctx) =>
          ctx.step('slow', async () => {
            begun.open();
            // Longer than the longest pause between two polls for tasks.
            await new Promise((resolve) => setTimeout(resolve, 1_300));
          }),
      },
    });
    await engine.startRun('wf', null);
    await Promise.all([asked.opened, begun.opened]);
    stopping = true;
    const stopped = engine.stop();
    answer.open();
    await stopped;
    expect(late).toBe(0);
  });
});

describe('a remote step', () => {
  it('is held by one handler for as long as it takes, with a short lease too', async () => {
    const base = new InMemoryStateStore();
    let bodies = 0;
    const lease = 900;
    const steps = [
      payHandler(async () => {
        bodies += 1;
        await new Promise((resolve) => setTimeout(resolve, 3 * lease));
        return 1;
      }),
    ];
    const options = {
      steps,
      worker: { maxPoll: 20, lease },
      workflows: { wf: (ctx: WorkflowCtx) => ctx.remote(pay, 1) },
    };
    // The first process asks no more once it has the task: only the second could take it again.
    const taken = gate();
    let hasTask = false;
    const store = wrapStore(base, {
      takeTasks: async (request) => {
        if (hasTask) return { tasks: [], nextVisibleAt: null };
        const result = await base.takeTasks(request);
        hasTask = result.tasks.length > 0;
        if (hasTask) taken.open();
        return result;
      },
    });
    const first = await startEngine({ ...options, store });
    const { runId } = await first.startRun('wf', null);
    await taken.opened;
    await startEngine({ ...options, store: base });
    expect(await first.waitForRun(runId)).toMatchObject({ status: 'completed' });
    expect(bodies).toBe(1);
  });

  it('is aborted when its run is terminated', async () => {
    const begun = gate();
    const ended = gate();
    const engine = await startEngine({
      steps: [
        payHandler(async ({ signal }) => {
          begun.open();
          await aborted(signal);
          ended.open();
          return 1;
        }),
      ],
      workflows: { wf: (ctx) => ctx.remote(pay, 1) },
    });
    const { runId } = await engine.startRun('wf', null);
    await begun.opened;
    await engine.terminate(runId);
    expect(await endsWithin(2_000, ended.opened)).toBe('ended');
  });
});

describe('what cannot be read', () => {
  function garbled(arrivals: readonly Arrival[]): readonly Arrival[] {
    return arrivals.map((arrival) => {
      if (arrival.type !== 'inbox' || arrival.body.kind !== 'child') return arrival;
      const { body } = arrival;
      return { ...arrival, body: { ...body, outcome: { ...body.outcome, error: '{"$error":' } } };
    });
  }

  function garblingStore(base: StateStore): StateStore {
    return wrapStore(base, {
      receive: async (runIds) =>
        new Map([...(await base.receive(runIds))].map(([id, list]) => [id, garbled(list)])),
      claim: async (request) => {
        const result = await base.claim(request);
        const claimed = result.claimed.map((one) => ({ ...one, arrivals: garbled(one.arrivals) }));
        return { ...result, claimed };
      },
    });
  }

  it.each(['alone', 'beside a step'])(
    'blocks the run whose child has an unreadable error: %s',
    async (workflow) => {
      const childEnded = gate();
      const engine = await startEngine({
        store: garblingStore(new InMemoryStateStore()),
        runtime: quietRuntime,
        workflows: {
          alone: (ctx) => ctx.child('kid', 1),
          'beside a step': async (ctx) => {
            const step = ctx.step('keep', () => childEnded.opened);
            await ctx.child('kid', 1);
            await step;
          },
          kid: async () => {
            throw new Error('kid');
          },
        },
      });
      engine.on((event) => {
        if (event.type === 'run.failed') childEnded.open();
      });
      const { runId } = await engine.startRun(workflow, null);
      const ended = engine.waitForRun(runId, { timeout: '3s' });
      await expect(ended).rejects.toMatchObject({ code: 'RUN_BLOCKED' });
    },
  );

  it('keeps no other run from going on', async () => {
    const base = new InMemoryStateStore();
    const ids = ['bad', 'good 1', 'good 2'];
    const workflows = { wf: (ctx: WorkflowCtx) => ctx.waitForSignal(`go:${ctx.runId}`) };
    const first = await startEngine({ store: base, workflows });
    for (const runId of ids) {
      await first.startRun('wf', null, { runId });
      await hasStatus(first, runId, 'suspended');
    }
    await first.stop();
    const client = await startEngine({ store: base, worker: false, workflows: {} });
    for (const runId of ids) await client.signal(`go:${runId}`, 1);
    const store = wrapStore(base, {
      history: async (requests) => {
        if (requests.some(({ runId }) => runId === 'bad')) throw new Error('the row is garbage');
        return base.history(requests);
      },
    });
    await startEngine({ store, runtime: quietRuntime, workflows });
    for (const runId of ['good 1', 'good 2']) {
      const result = await client.waitForRun(runId, { timeout: '3s' });
      expect(result).toMatchObject({ status: 'completed' });
    }
  });
});
