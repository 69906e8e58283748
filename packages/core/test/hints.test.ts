/** When a process tells the others that there is work, and what it does when it is told. */
import { describe, expect, it } from 'vitest';
import { InMemoryStateStore, type StateStore } from '../src/index.js';
import { createEngine, hasStatus, quietRuntime, runToEnd, startEngine, until } from './harness.js';
import { wrapStore } from './support/wrap-store.js';

/** A store that counts the hints, and whose hints the test gives. */
function watched(store: StateStore = new InMemoryStateStore()) {
  const seen = { hints: 0, claims: 0, listeners: 0 };
  const listeners = new Set<(namespace: string | null) => void>();
  return {
    seen,
    give: (namespace: string | null) => {
      for (const listener of listeners) listener(namespace);
    },
    store: wrapStore(store, {
      hint: async () => {
        seen.hints += 1;
      },
      onHint: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      claim: (request) => {
        seen.claims += 1;
        return store.claim(request);
      },
    }),
    listeners,
  };
}

const NO_POLL = { maxPoll: '10m' } as const;

describe('a process tells the others', () => {
  it('nothing of what it does itself, children and signals included', async () => {
    const { store, seen } = watched();
    const engine = await startEngine({
      store,
      worker: { ...NO_POLL, residentIdle: 0, residentCount: 0 },
      workflows: {
        wf: async (ctx) => [await ctx.child('kid', null), await ctx.waitForSignal('t')],
        kid: async (ctx) => ctx.step('s', () => 1),
      },
    });
    const ended = runToEnd(engine);
    await engine.signal('t', 2);
    await expect(ended).resolves.toMatchObject({ status: 'completed', output: [1, 2] });
    expect(seen.hints).toBe(0);
  });

  it('of a run that it has woken and nobody here serves', async () => {
    const shared = new InMemoryStateStore();
    const other = await startEngine({
      store: shared,
      workflows: { wf: async (ctx) => ctx.waitForSignal('t') },
    });
    const { runId } = await other.startRun('wf', null);
    await hasStatus(other, runId, 'suspended');
    const { store, seen } = watched(shared);
    const engine = await startEngine({ store, worker: NO_POLL, workflows: { x: async () => 1 } });
    await engine.signal('t', 1);
    await until(() => seen.hints === 1);
  });

  it('of all starts together, when it has no worker', async () => {
    const { store, seen } = watched();
    const shared = await startEngine({ store, workflows: { wf: async () => 1 }, worker: NO_POLL });
    await shared.stop();
    const engine = await startEngine({ store, worker: false, workflows: { wf: async () => 1 } });
    await Promise.all(Array.from({ length: 50 }, () => engine.startRun('wf', null)));
    await engine.stop();
    expect(seen.hints).toBeGreaterThan(0);
    expect(seen.hints).toBeLessThan(10);
  });

  it('of what it hands back when it stops, and of nothing after that', async () => {
    const { store, seen, listeners } = watched();
    const engine = createEngine({
      store,
      shutdownTimeout: 0,
      workflows: { wf: async (ctx) => ctx.step('long', () => new Promise(() => {})) },
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    await hasStatus(engine, runId, 'running');
    await until(() => engine.residentRuns === 1);
    await engine.stop();
    expect(seen.hints).toBe(1);
    expect(listeners.size).toBe(0);
  });

  it('and does not mind when that fails', async () => {
    const failing = wrapStore(new InMemoryStateStore(), {
      hint: async () => {
        throw new Error('no');
      },
    });
    const engine = await startEngine({
      store: failing,
      runtime: quietRuntime,
      worker: { maxActiveRuns: 1, maxPoll: 20 },
      workflows: { wf: async (ctx) => ctx.step('s', () => 1) },
    });
    await Promise.all(Array.from({ length: 10 }, () => runToEnd(engine)));
  });
});

describe('a process that is told', () => {
  it('looks once for many hints of its namespace, and not at all for others', async () => {
    const { store, seen, give } = watched();
    await startEngine({ store, worker: NO_POLL, workflows: { wf: async () => 1 } });
    // The polls after the start become rare.
    await until(() => seen.claims >= 8);
    const before = seen.claims;
    for (let i = 0; i < 100; i += 1) give('elsewhere');
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(seen.claims).toBe(before);
    for (let i = 0; i < 100; i += 1) give('default');
    await until(() => seen.claims > before);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(seen.claims).toBe(before + 1);
    give(null);
    await until(() => seen.claims === before + 2);
  });
});
