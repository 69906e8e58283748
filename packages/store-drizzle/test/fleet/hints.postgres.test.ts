/** Wake-ups across processes: every poll is so long that nothing but a hint can have woken whoever goes on. */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { Fleet, NO_POLL, newRunId, reaches } from './fleet.js';

const server = inject('postgresUrl');
const TIMEOUT_MS = 60_000;
/** Far below any poll and any sweep; far above what a hint takes. */
const SOON_MS = 3_000;

describe.skipIf(server === undefined)('hints on PostgreSQL', { timeout: TIMEOUT_MS }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.create(server ?? '');
  }, TIMEOUT_MS);
  afterAll(() => fleet.dispose());

  const waiting = {
    waits: async (ctx: { waitForSignal(token: string): Promise<unknown> }, token: never) =>
      ctx.waitForSignal(token),
  };

  test('a signal wakes a suspended run of another process', async () => {
    const namespace = 'suspended';
    const sender = await fleet.join({ namespace, worker: false });
    const owner = await fleet.join({ namespace, worker: { maxPoll: NO_POLL }, workflows: waiting });
    const { runId } = await owner.engine.startRun('waits', 't1', { runId: newRunId() });
    await reaches(owner, runId, 'suspended');
    await sender.engine.signal('t1', 'go');
    expect(await reaches(sender, runId, 'completed')).toBeLessThan(SOON_MS);
  });

  test('a signal reaches a run that another process is executing', async () => {
    const namespace = 'active';
    const sender = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL },
      workflows: { other: async () => 1 },
    });
    let finish = () => {};
    const body = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let arrived: unknown;
    const owner = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL },
      workflows: {
        busy: async (ctx) => {
          const step = ctx.step('long', () => body);
          arrived = await ctx.waitForSignal('t2');
          await step;
        },
      },
    });
    const { runId } = await owner.engine.startRun('busy', null, { runId: newRunId() });
    await reaches(owner, runId, 'running');
    const startedAt = performance.now();
    await sender.engine.signal('t2', 'now');
    await vi.waitUntil(() => arrived === 'now', { timeout: 20_000, interval: 2 });
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
    finish();
    await reaches(owner, runId, 'completed');
  });

  test('a start is found at once: without a worker, and by one that is full', async () => {
    const namespace = 'starts';
    let finish = () => {};
    const body = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const workflows = {
      long: async (ctx: { step(name: string, f: () => unknown): Promise<unknown> }) =>
        ctx.step('long', () => body),
    };
    const client = await fleet.join({ namespace, worker: false });
    const full = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL, maxActiveRuns: 1 },
      workflows,
    });
    const first = await full.engine.startRun('long', null, { runId: newRunId() });
    await reaches(client, first.runId, 'running');
    await fleet.join({ namespace, worker: { maxPoll: NO_POLL }, workflows });
    const { runId } = await client.engine.startRun('long', null, { runId: newRunId() });
    expect(await reaches(client, runId, 'running')).toBeLessThan(SOON_MS);
    const more = await full.engine.startRun('long', null, { runId: newRunId() });
    expect(await reaches(client, more.runId, 'running')).toBeLessThan(SOON_MS);
    finish();
    for (const id of [first.runId, runId, more.runId]) await reaches(client, id, 'completed');
  });

  test('what a process hands back when it stops goes on at once', async () => {
    const namespace = 'deploy';
    const workflows = {
      long: async (ctx: {
        step(name: string, f: (c: { signal: AbortSignal }) => unknown): Promise<unknown>;
      }) =>
        ctx.step('long', ({ signal }) =>
          first
            ? new Promise((_, reject) =>
                signal.addEventListener('abort', () => reject(new Error('stopped'))),
              )
            : 'done',
        ),
    };
    let first = true;
    const old = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL },
      shutdownTimeout: 0,
      workflows,
    });
    const { runId } = await old.engine.startRun('long', null, { runId: newRunId() });
    await reaches(old, runId, 'running');
    const next = await fleet.join({ namespace, worker: { maxPoll: NO_POLL }, workflows });
    first = false;
    await old.engine.stop();
    expect(await reaches(next, runId, 'completed')).toBeLessThan(SOON_MS);
  });

  test('what one process takes over from a dead one, another that serves it takes at once', async () => {
    const namespace = 'take-over';
    const workflows = {
      long: async (ctx: { step(name: string, f: () => unknown): Promise<unknown> }) =>
        ctx.step('long', () => (dead ? 'done' : new Promise(() => {}))),
    };
    let dead = false;
    const doomed = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL, lease: '1s' },
      workflows,
    });
    const { runId } = await doomed.engine.startRun('long', null, { runId: newRunId() });
    await reaches(doomed, runId, 'running');
    const heir = await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL, lease: '10m' },
      workflows,
    });
    dead = true;
    doomed.kill();
    // Sweeps often, and serves nothing of this.
    await fleet.join({
      namespace,
      worker: { maxPoll: NO_POLL, lease: '1s' },
      workflows: { other: async () => 1 },
    });
    expect(await reaches(heir, runId, 'completed')).toBeLessThan(1_000 + SOON_MS);
  });
});
