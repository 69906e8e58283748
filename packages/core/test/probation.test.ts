/** Runs that several processes have died with: which of them an engine begins, and which it is to blame. */
import { expect, test } from 'vitest';
import { InMemoryStateStore, type StateStore } from '../src/index.js';
import { createEngine, startEngine, until } from './harness.js';
import { gate } from './support/wrap-store.js';

const RUNS = 25;
const LEASE_MS = 1_000;
const SERVES = ['wf@1'];
const TAKE_OVER = {
  ...{ limit: 100, probationFrom: 3, backoffMs: 0, backoffCapMs: 0, maxCrashes: 10 },
};

/** A store in which so many runs have been lost three times, each time before anything had happened. */
async function lostRuns(): Promise<{
  readonly store: StateStore;
  readonly ids: readonly string[];
}> {
  let ahead = 0;
  const store = new InMemoryStateStore({ clock: { now: () => Date.now() + ahead } });
  const wf = async () => 'unused';
  const client = createEngine({ store, worker: false, workflows: { wf } });
  await client.start();
  const ids = Array.from({ length: RUNS }, (_, i) => `r${i}`);
  for (const runId of ids) await client.startRun('wf', null, { runId });
  await client.stop();
  for (const worker of ['a', 'b', 'c']) {
    const request = { worker, namespace: 'default', serves: SERVES };
    await store.heartbeat({ ...request, leaseMs: LEASE_MS });
    const { claimed } = await store.claim({ ...request, limit: RUNS, resync: false });
    expect(claimed).toHaveLength(RUNS);
    ahead += LEASE_MS + 1;
    expect(await store.takeOver(TAKE_OVER)).toMatchObject({ taken: RUNS, blocked: 0 });
  }
  return { store, ids };
}

async function crashesOf(store: StateStore, ids: readonly string[]): Promise<readonly number[]> {
  const runs = await Promise.all(ids.map((id) => store.getRun(id)));
  return runs.map((run) => run?.crashes ?? -1);
}

test('few begin at a time, and end when there is progress', async () => {
  const { store, ids } = await lostRuns();
  const door = gate();
  let begun = 0;
  const engine = await startEngine({
    store,
    workflows: {
      wf: (ctx) =>
        ctx.step('work', async () => {
          begun += 1;
          await door.opened;
        }),
    },
  });
  await until(() => begun === 20);
  expect([...(await crashesOf(store, ids))].sort()).toEqual([
    ...Array.from({ length: 5 }, () => 3),
    ...Array.from({ length: 20 }, () => 4),
  ]);
  door.open();
  for (const id of ids) expect(await engine.waitForRun(id)).toMatchObject({ status: 'completed' });
});

test('what is still in line when the process stops is not blamed', async () => {
  const { store, ids } = await lostRuns();
  const [door, lastDoor] = [gate(), gate()];
  let begun = 0;
  const engine = await startEngine({
    store,
    workflows: {
      wf: (ctx) =>
        ctx.step('work', async () => {
          begun += 1;
          await (begun === 20 ? lastDoor : door).opened;
        }),
    },
  });
  await until(() => begun === 20);
  const stopped = engine.stop();
  // There is room for the next, while the process waits for its last step.
  door.open();
  await until(async () => (await store.countRuns({ namespace: 'default' })).completed === 19);
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  lastDoor.open();
  await stopped;
  expect(begun).toBe(20);
  expect((await crashesOf(store, ids)).filter((crashes) => crashes === 3)).toHaveLength(5);
});
