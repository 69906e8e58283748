/** What people are told of runs that no living process can execute. */
import { expect, it } from 'vitest';
import { InMemoryStateStore } from '../src/index.js';
import { createEngine, hasStatus, startEngine } from './harness.js';

it('says since when nobody serves a run, and nothing of it while somebody does', async () => {
  const store = new InMemoryStateStore();
  const reader = await startEngine({ store, worker: false, workflows: {} });
  const engine = createEngine({
    store,
    workflows: { wf: (ctx) => ctx.waitForSignal('go'), quick: async () => 1 },
  });
  await engine.start();
  const { runId } = await engine.startRun('wf', null);
  const { runId: ended } = await engine.startRun('quick', null);
  await engine.waitForRun(ended, { timeout: '5s' });
  await hasStatus(engine, runId, 'suspended');
  const served = await reader.getRun(runId);
  expect(served).toMatchObject({ unclaimable: false });
  expect(served).not.toHaveProperty('unclaimableSince');
  const before = Date.now();
  await engine.stop();
  const after = Date.now();
  const { runs } = await reader.listRuns();
  const waiting = runs.find((run) => run.runId === runId);
  expect(waiting).toMatchObject({ unclaimable: true, reason: 'no live worker serves wf@1' });
  const since = waiting?.unclaimableSince?.getTime() ?? 0;
  expect(since).toBeGreaterThanOrEqual(before);
  expect(since).toBeLessThanOrEqual(after);
  expect(runs.find((run) => run.runId === ended)).toMatchObject({ unclaimable: false });
  const { runId: late } = await reader.startRun('wf', null, { version: '1' });
  const { createdAt, unclaimableSince } = await reader.getRun(late);
  expect(unclaimableSince).toEqual(createdAt);
});
