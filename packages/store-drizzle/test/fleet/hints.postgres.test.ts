/** Wake-ups across processes: those that are to be woken have stopped polling, so that nothing but a hint does it. */
import type { WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { Fleet, newRunId, reaches } from './fleet.js';

const server = inject('postgresUrl');
const TIMEOUT_MS = 60_000;

/** A body of a step that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { until: () => promise, end: () => resolve() };
}

describe.skipIf(server === undefined)('hints on PostgreSQL', { timeout: TIMEOUT_MS }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.create(server ?? '');
  }, TIMEOUT_MS);
  afterAll(() => fleet.dispose());

  const waits = async (ctx: WorkflowCtx, token: never) => ctx.waitForSignal(token);
  const other = async () => 1;

  test('a signal wakes a suspended run of another process', async () => {
    const namespace = 'suspended';
    const sender = await fleet.join({ namespace, worker: false });
    const owner = await fleet.join({ namespace, workflows: { waits } });
    const { runId } = await owner.engine.startRun('waits', 't1', { runId: newRunId() });
    await reaches(owner, runId, 'suspended');
    await owner.stopPolling();
    await sender.engine.signal('t1', 'go');
    await reaches(sender, runId, 'completed');
  });

  test('a signal reaches a run that another process is executing', async () => {
    const namespace = 'active';
    const sender = await fleet.join({ namespace, workflows: { other } });
    const body = held();
    let arrived: unknown;
    const busy = async (ctx: WorkflowCtx) => {
      const step = ctx.step('long', body.until);
      arrived = await ctx.waitForSignal('t2');
      await step;
    };
    const owner = await fleet.join({ namespace, workflows: { busy } });
    const { runId } = await owner.engine.startRun('busy', null, { runId: newRunId() });
    await reaches(owner, runId, 'running');
    await owner.stopPolling();
    await sender.engine.signal('t2', 'now');
    await vi.waitUntil(() => arrived === 'now', { timeout: 20_000, interval: 2 });
    body.end();
    await reaches(owner, runId, 'completed');
  });

  test('a start is found: without a worker, and by one that is full', async () => {
    const namespace = 'starts';
    const body = held();
    const workflows = { long: async (ctx: WorkflowCtx) => ctx.step('long', body.until) };
    const client = await fleet.join({ namespace, worker: false });
    const full = await fleet.join({ namespace, worker: { maxActiveRuns: 1 }, workflows });
    const first = await full.engine.startRun('long', null, { runId: newRunId() });
    await reaches(client, first.runId, 'running');
    const free = await fleet.join({ namespace, workflows });
    await free.stopPolling();
    const second = await client.engine.startRun('long', null, { runId: newRunId() });
    await reaches(client, second.runId, 'running');
    const third = await full.engine.startRun('long', null, { runId: newRunId() });
    await reaches(client, third.runId, 'running');
    body.end();
    for (const { runId } of [first, second, third]) await reaches(client, runId, 'completed');
  });

  test('children that do not fit into a process are taken by another', async () => {
    const namespace = 'children';
    const both = held();
    let running = 0;
    const kid = async (ctx: WorkflowCtx) =>
      ctx.step('kid', () => {
        running += 1;
        if (running === 2) both.end();
        return both.until();
      });
    const family = async (ctx: WorkflowCtx) =>
      Promise.all([ctx.child('kid', null), ctx.child('kid', null)]);
    const other = await fleet.join({ namespace, workflows: { kid } });
    // It has room for one child at a time, and neither ends before the other has begun.
    const worker = { maxActiveRuns: 1 };
    const parent = await fleet.join({ namespace, worker, workflows: { family, kid } });
    await other.stopPolling();
    const { runId } = await parent.engine.startRun('family', null, { runId: newRunId() });
    await reaches(parent, runId, 'completed');
  });

  test('what a process hands back when it stops goes on', async () => {
    const namespace = 'deploy';
    let isFirst = true;
    const long = async (ctx: WorkflowCtx) =>
      ctx.step('long', ({ signal }) => {
        if (!isFirst) return 'done';
        return new Promise((_, reject) => signal.addEventListener('abort', reject));
      });
    const workflows = { long };
    const old = await fleet.join({ namespace, shutdownTimeout: 0, workflows });
    const { runId } = await old.engine.startRun('long', null, { runId: newRunId() });
    await reaches(old, runId, 'running');
    const next = await fleet.join({ namespace, workflows });
    await next.stopPolling();
    isFirst = false;
    await old.engine.stop();
    await reaches(next, runId, 'completed');
  });

  test('what one process takes over from a dead one, another that serves it takes', async () => {
    const namespace = 'take-over';
    let isDead = false;
    const long = async (ctx: WorkflowCtx) =>
      ctx.step('long', () => (isDead ? 'done' : new Promise(() => {})));
    const workflows = { long };
    const doomed = await fleet.join({ namespace, worker: { lease: '1s' }, workflows });
    const { runId } = await doomed.engine.startRun('long', null, { runId: newRunId() });
    await reaches(doomed, runId, 'running');
    const heir = await fleet.join({ namespace, workflows });
    await heir.stopPolling();
    isDead = true;
    doomed.kill();
    // Serves nothing of this, and finds the dead one.
    await fleet.join({ namespace, worker: { lease: '1s' }, workflows: { other } });
    await reaches(heir, runId, 'completed');
  });

  test('one schema of a database hears nothing of another', async () => {
    const operator = await fleet.connect();
    await operator.query('create schema second');
    const namespace = 'schemas';
    const heard: (string | null)[] = [];
    const second = { options: '-c search_path=second' };
    const here = await fleet.join({ namespace, worker: false });
    const there = await fleet.join({ namespace, worker: false, pool: second });
    const witness = await fleet.join({ namespace, worker: false });
    const isReady = Promise.withResolvers<void>();
    here.store.onHint((of) => heard.push(of));
    witness.store.onHint((of) => of === 'the last' && isReady.resolve());
    await there.store.hint('from there');
    await there.store.hint('the last');
    await witness.store.hint('not for itself');
    const again = await fleet.join({ namespace, worker: false });
    await again.store.hint('the last');
    await isReady.promise;
    await vi.waitUntil(() => heard.includes('the last'));
    expect(heard.filter((of) => of === 'from there')).toEqual([]);
    expect(heard.filter((of) => of === 'the last')).toHaveLength(1);
  });
});
