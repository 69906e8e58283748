/** What a run must not get from others: their context, their history, their place; nor anew what it has been told. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { type DurableEngine, InMemoryStateStore, type WorkflowCtx } from '../src/index.js';
import { hasStatus, runToEnd, startEngine, until } from './harness.js';
import { aborted, gate, wrapStore } from './support/wrap-store.js';

const tenant = new AsyncLocalStorage<string>();

async function waitsFor(engine: DurableEngine, runId: string, token: string): Promise<void> {
  await until(async () =>
    (await engine.getRun(runId)).waitingFor.some(({ name }) => name === token),
  );
}

describe('the async context of an application', () => {
  it('does not leak from a start into bodies and steps', async () => {
    const seen: unknown[] = [];
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          for (const name of ['a', 'b', 'c']) {
            seen.push(tenant.getStore());
            await ctx.step(name, async () => {
              seen.push(tenant.getStore());
              await new Promise(setImmediate);
              seen.push(tenant.getStore());
            });
          }
        },
      },
    });
    const starts = ['A', 'B', 'C'].map((name) =>
      tenant.run(name, () => engine.startRun('wf', name)),
    );
    for (const { runId } of await Promise.all(starts)) await engine.waitForRun(runId);
    await runToEnd(engine);
    expect(seen).toEqual(Array.from({ length: 36 }, () => undefined));
  });

  it('does not leak from a signal into the runs that it wakes', async () => {
    const seen: unknown[] = [];
    const engine = await startEngine({
      workflows: {
        wf: async (ctx, input: string) => {
          await ctx.waitForSignal(`go:${input}`);
          seen.push(tenant.getStore());
          await ctx.step('s', () => void seen.push(tenant.getStore()));
        },
      },
    });
    for (const id of ['1', '2']) {
      await tenant.run(`tenant ${id}`, () => engine.startRun('wf', id, { runId: id }));
      await hasStatus(engine, id, 'suspended');
    }
    await tenant.run('X', () => Promise.all([engine.signal('go:1'), engine.signal('go:2')]));
    for (const id of ['1', '2']) await engine.waitForRun(id);
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a run with the id of a deleted one', () => {
  const wf = async (ctx: WorkflowCtx, input: string) => {
    await ctx.waitForSignal(`go:${ctx.runId}`);
    return `input was ${input}`;
  };

  async function deletedWhileParked() {
    const store = new InMemoryStateStore();
    const keeper = await startEngine({ store, worker: { maxPoll: 20 }, workflows: { wf } });
    const client = await startEngine({ store, worker: false, workflows: {} });
    await keeper.startRun('wf', 'old', { runId: 'order' });
    await hasStatus(client, 'order', 'suspended');
    await client.terminate('order');
    await client.deleteRun('order');
    return { store, keeper, client };
  }

  it('is another run for the process that kept the old one', async () => {
    const { client } = await deletedWhileParked();
    await client.startRun('wf', 'new', { runId: 'order' });
    await client.signal('go:order');
    const result = await client.waitForRun('order', { timeout: '3s' });
    expect(result).toMatchObject({ output: 'input was new' });
  });

  it('is another run, too, when a third process has suspended it at the next epoch', async () => {
    const { store, client } = await deletedWhileParked();
    const third = await startEngine({ store, worker: { maxPoll: 20 }, workflows: { wf } });
    await third.startRun('wf', 'new', { runId: 'order' });
    await hasStatus(client, 'order', 'suspended');
    await third.stop();
    await client.signal('go:order');
    const result = await client.waitForRun('order', { timeout: '3s' });
    expect(result).toMatchObject({ output: 'input was new' });
  });
});

describe('ctx.sideEffect that throws', () => {
  const TOKENS = ['one', 'two', 'three'] as const;

  function flakyOnce() {
    const seen: string[] = [];
    let calls = 0;
    const wf = async (ctx: WorkflowCtx) => {
      let value: string;
      try {
        value = ctx.sideEffect(() => {
          calls += 1;
          if (calls === 1) throw new Error('flaky');
          return 'fresh';
        });
      } catch (error) {
        value = `caught ${(error as Error).message}`;
      }
      seen.push(value);
      for (const token of TOKENS) await ctx.waitForSignal(token);
      return value;
    };
    return { wf, seen };
  }

  it('throws the same error on each replay', async () => {
    const store = new InMemoryStateStore();
    const { wf, seen } = flakyOnce();
    let engine = await startEngine({ store, workflows: { wf } });
    const { runId } = await engine.startRun('wf', null);
    for (const token of TOKENS) {
      await waitsFor(engine, runId, token);
      await engine.stop();
      engine = await startEngine({ store, workflows: { wf } });
      await engine.signal(token);
    }
    const result = await engine.waitForRun(runId);
    expect(result).toMatchObject({ output: 'caught flaky' });
    expect(seen).toEqual(Array.from({ length: 4 }, () => 'caught flaky'));
  });

  it('replays when the turn that had it went on with a signal that was there already', async () => {
    const store = new InMemoryStateStore();
    const { wf } = flakyOnce();
    let engine = await startEngine({ store, workflows: { wf } });
    await engine.signal('one');
    const { runId } = await engine.startRun('wf', null);
    for (const token of ['two', 'three']) {
      await waitsFor(engine, runId, token);
      await engine.stop();
      engine = await startEngine({ store, workflows: { wf } });
      await engine.signal(token);
    }
    expect(await engine.waitForRun(runId)).toMatchObject({ output: 'caught flaky' });
  });
});

describe('what else a busy process owes', () => {
  it('executes no more runs at once than maxActiveRuns, those it started itself included', async () => {
    let active = 0;
    let most = 0;
    const engine = await startEngine({
      worker: { maxPoll: 20, maxActiveRuns: 2 },
      workflows: {
        wf: (ctx) =>
          ctx.step('a', async () => {
            active += 1;
            most = Math.max(most, active);
            await new Promise((resolve) => setTimeout(resolve, 20));
            active -= 1;
          }),
      },
    });
    const starts = Array.from({ length: 12 }, () => engine.startRun('wf', null));
    for (const { runId } of await Promise.all(starts)) await engine.waitForRun(runId);
    expect(most).toBe(2);
  });

  it('names the workflow of a failed child that was started with a handle', async () => {
    const engine = await startEngine({
      workflows: {
        kid: async () => {
          throw new Error('x');
        },
        wf: async (ctx) => {
          const kid = await ctx.startChild('kid', 1);
          return kid.result().catch((error) => [error.name, error.fields.workflow]);
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ output: ['ChildFailedError', 'kid'] });
  });

  it('hears of a cancel that came before the answer to its own start', async () => {
    const base = new InMemoryStateStore();
    const answer = gate();
    const wakes: string[] = [];
    const store = wrapStore(base, {
      createRuns: async (request) => {
        const outcomes = await base.createRuns(request);
        await answer.opened;
        return outcomes;
      },
      claim: async (request) => {
        const result = await base.claim(request);
        wakes.push(...result.wakes);
        return result;
      },
    });
    const engine = await startEngine({
      store,
      worker: { maxPoll: 20 },
      workflows: { wf: (ctx) => ctx.step('long', ({ signal }) => aborted(signal)) },
    });
    const client = await startEngine({ store: base, worker: false, workflows: {} });
    const start = engine.startRun('wf', null, { runId: 'r1' });
    await until(async () => (await base.getRun('r1')) !== undefined);
    await client.cancel('r1');
    await until(() => wakes.includes('r1'));
    answer.open();
    await start;
    const result = await client.waitForRun('r1', { timeout: '3s' });
    expect(result).toMatchObject({ status: 'cancelled' });
  });
});
