import { describe, expect, test } from 'vitest';
import { InMemoryStateStore } from '../src/index.js';
import { hasStatus, quietRuntime, runToEnd, startEngine, until } from './harness.js';
import { withTransactions } from './support/transactional-store.js';
import { gate, wrapStore } from './support/wrap-store.js';

describe('a store without transactions', () => {
  test('refuses them, and says what to do', async () => {
    const engine = await startEngine({
      runtime: quietRuntime,
      workflows: { wf: async (ctx) => ctx.transaction('pay', () => 1) },
    });
    const refused = {
      code: 'TRANSACTIONS_UNSUPPORTED',
      message: expect.stringMatching(/in-memory has no transactions.*ctx\.step\(\)/),
    };
    expect(await runToEnd(engine)).toMatchObject({ status: 'failed', error: refused });
    const start = async () => engine.startRun('wf', null, { transaction: {} });
    await expect(start()).rejects.toMatchObject(refused);
    const signal = async () => engine.signal('t', null, { transaction: {} });
    await expect(signal()).rejects.toMatchObject(refused);
  });
});

describe('ctx.transaction', () => {
  test('takes a name, and a function', async () => {
    const engine = await startEngine({
      runtime: quietRuntime,
      store: withTransactions(new InMemoryStateStore()),
      workflows: { wf: async (ctx, fn: never) => ctx.transaction('pay', fn) },
    });
    expect(await runToEnd(engine, 'no function')).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('with `tx`') },
    });
  });

  test('that commits while its time runs out has committed', async () => {
    const timedOut = gate();
    let bodies = 0;
    const engine = await startEngine({
      runtime: quietRuntime,
      store: withTransactions(new InMemoryStateStore(), { after: () => timedOut.opened }),
      workflows: {
        wf: async (ctx) =>
          ctx.transaction(
            'pay',
            (_tx, { signal }) => {
              bodies += 1;
              // The time runs out between the checkpoint and the answer to COMMIT.
              signal.addEventListener('abort', () => timedOut.open(), { once: true });
              return bodies;
            },
            { timeout: 20 },
          ),
      },
    });
    const result = await runToEnd(engine);
    expect(result).toMatchObject({ output: 1 });
    expect(bodies).toBe(1);
    expect(await engine.history(result.runId)).toMatchObject([{ type: 'completed', attempt: 1 }]);
  });

  test('whose time runs out before it commits never does', async () => {
    const late = gate();
    const store = new InMemoryStateStore();
    const outcomes: string[] = [];
    const transactional = withTransactions(store);
    const engine = await startEngine({
      runtime: quietRuntime,
      store: wrapStore(transactional as InMemoryStateStore, {
        transaction: async (request, attempt) => {
          const answer = await transactional.transaction(request, attempt);
          outcomes.push(`${request.attempt} ${answer.outcome}`);
          return answer;
        },
      }),
      retry: { initialDelay: 1 },
      workflows: {
        wf: async (ctx) =>
          ctx.transaction(
            'pay',
            async (_tx, { attempt }) => {
              if (attempt === 1) await late.opened;
              return attempt;
            },
            { timeout: 20 },
          ),
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ output: 2 });
    late.open();
    await until(() => outcomes.length === 2);
    expect(outcomes).toEqual(['2 committed', '1 abandoned']);
  });

  test('that is received before its own answer comes is delivered once', async () => {
    const store = new InMemoryStateStore();
    const engine = await startEngine({
      runtime: quietRuntime,
      store: withTransactions(store, {
        after: async ({ runId }) => {
          // The run is woken by something else: the checkpoint comes with that.
          await engine.signal('wake');
          await until(async () => (await store.receive([runId])).get(runId)?.length === 0);
        },
      }),
      worker: { maxPoll: 5 },
      workflows: {
        wf: async (ctx) => {
          const woken = ctx.waitForSignal('wake');
          const paid = await ctx.transaction('pay', () => 'paid');
          await woken;
          return paid;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    const result = await engine.waitForRun(runId);
    expect(result).toMatchObject({ output: 'paid' });
  });

  test('that loses a race while it commits is taken off the inbox, and forgotten', async () => {
    const store = new InMemoryStateStore();
    const lost = gate();
    const engine = await startEngine({
      runtime: quietRuntime,
      store: withTransactions(store, { before: () => lost.opened }),
      worker: { maxPoll: 5 },
      workflows: {
        wf: async (ctx) => {
          const winner = await ctx.race('first', [
            () => ctx.transaction('pay', () => 'paid'),
            () => ctx.sleep(30).then(() => 'late'),
          ]);
          await ctx.step('go on', () => lost.open());
          await ctx.waitForSignal('go');
          return winner;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await hasStatus(engine, runId, 'suspended');
    await until(async () => (await store.receive([runId])).get(runId)?.length === 0);
    await engine.signal('go');
    expect(await engine.waitForRun(runId)).toMatchObject({ output: 'late' });
  });

  test('of an owner that has lost the run drops it', async () => {
    const store = new InMemoryStateStore();
    const bodies: number[] = [];
    const workflows = {
      wf: async (ctx: Parameters<Parameters<typeof startEngine>[0]['workflows'][string]>[0]) =>
        ctx.transaction('pay', async () => {
          bodies.push(bodies.length + 1);
          const { worker, epoch } = (await store.getRun(ctx.runId)) ?? {};
          if (bodies.length === 1) await store.releaseRun(ctx.runId, worker ?? '', epoch ?? 0);
          return bodies.length;
        }),
    };
    const engine = await startEngine({
      runtime: quietRuntime,
      store: withTransactions(store),
      worker: { maxPoll: 5 },
      workflows,
    });
    expect(await runToEnd(engine)).toMatchObject({ output: 2 });
  });
});

describe('a start whose id an open transaction holds', () => {
  test('is asked for again, and keeps no other waiting', async () => {
    const store = new InMemoryStateStore();
    const ended = gate();
    let isHeld = true;
    void ended.opened.then(() => {
      isHeld = false;
    });
    const engine = await startEngine({
      runtime: quietRuntime,
      store: wrapStore(store, {
        createRuns: async ({ runs, claim }) => {
          const answers = runs.map(async (run) => {
            if (isHeld && run.id === 'a') return { outcome: 'busy' } as const;
            const [answer] = await store.createRuns({ runs: [run], claim });
            return answer ?? ({ outcome: 'busy' } as const);
          });
          return Promise.all(answers);
        },
      }),
      workflows: { wf: async () => 'ran' },
    });
    const held = engine.startRun('wf', null, { runId: 'a' });
    await engine.startRun('wf', null, { runId: 'b' });
    expect(await engine.waitForRun('b')).toMatchObject({ output: 'ran' });
    ended.open();
    expect(await held).toMatchObject({ created: true });
    expect(await engine.waitForRun('a')).toMatchObject({ output: 'ran' });
  });
});
