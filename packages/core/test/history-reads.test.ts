/** Histories of runs that are taken over, from a store that does not answer at once. */
import { expect, it } from 'vitest';
import {
  type DurableEngine,
  InMemoryStateStore,
  type StateStore,
  type WorkflowCtx,
} from '../src/index.js';
import { crashAndTakeOver, quietRuntime, startEngine, until } from './harness.js';
import { wrapStore } from './support/wrap-store.js';

const RUNS = 40;
const FAST = { maxPoll: 20, lease: 150, heartbeat: 50 } as const;

/** Ends what was there before the crash, when `mayEnd` says so. */
const workflow = (mayEnd: () => boolean) => async (ctx: WorkflowCtx) => {
  await ctx.step('before', () => 1);
  await ctx.step('after', () => (mayEnd() ? 2 : new Promise(() => {})));
};

/** Runs that stand in the middle of a step, and the store that they are in. */
async function interrupted(mayEnd: () => boolean) {
  const store = new InMemoryStateStore();
  const engine = await startEngine({ store, worker: FAST, workflows: { wf: workflow(mayEnd) } });
  const started = Array.from({ length: RUNS }, (_, i) =>
    engine.startRun('wf', null, { runId: `run-${i}` }),
  );
  await Promise.all(started);
  await until(async () => {
    const histories = await Promise.all(
      Array.from({ length: RUNS }, (_, i) => engine.history(`run-${i}`)),
    );
    return histories.every(({ length }) => length === 1);
  });
  return { store, engine };
}

/** Takes the runs over, with a store whose reads of histories `history` answers. */
async function takeOver(history: (store: StateStore) => StateStore['history']) {
  let mayEnd = false;
  const { store, engine } = await interrupted(() => mayEnd);
  mayEnd = true;
  const seen = wrapStore(store, { history: history(store) }) as InMemoryStateStore;
  const runtime = quietRuntime;
  return crashAndTakeOver(engine, {
    store: seen,
    runtime,
    workflows: { wf: workflow(() => true) },
  });
}

async function haveCompleted(engine: DurableEngine, count: number): Promise<void> {
  await until(async () => {
    const { runs } = await engine.listRuns({ status: 'completed', limit: 200 });
    return runs.length === count;
  });
}

it('are read together again when the first read has failed, and few at a time', async () => {
  let failures = 3;
  let calls = 0;
  let underWay = 0;
  let most = 0;
  const engine = await takeOver((store) => async (requests) => {
    calls += 1;
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay -= 1;
    failures -= 1;
    if (failures >= 0) throw new Error('the database is not there');
    return store.history(requests);
  });
  await haveCompleted(engine, RUNS);
  expect(most).toBeLessThanOrEqual(2);
  expect(calls).toBeLessThan(RUNS / 2);
});

it('do not wait for one that cannot be read', async () => {
  const engine = await takeOver((store) => async (requests) => {
    if (requests.some(({ runId }) => runId === 'run-7')) throw new Error('it is damaged');
    return store.history(requests);
  });
  await haveCompleted(engine, RUNS - 1);
  expect((await engine.getRun('run-7')).status).toBe('running');
});
