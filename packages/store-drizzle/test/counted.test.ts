import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableEngine, type StateStore } from '@dudousxd/nestjs-durable-core';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'durable-counted-'));
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

interface Counts {
  creates: number;
  commits: number;
  turns: number;
  events: number;
  runUpdates: number;
  historyReads: number;
}

/** The store with its hot calls counted. */
function counted(store: StateStore): { readonly store: StateStore; readonly counts: Counts } {
  const counts: Counts = {
    creates: 0,
    commits: 0,
    turns: 0,
    events: 0,
    runUpdates: 0,
    historyReads: 0,
  };
  const proxy = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name === 'commit') {
        const commit: StateStore['commit'] = (turns) => {
          counts.commits += 1;
          counts.turns += turns.length;
          counts.runUpdates += turns.filter(({ change }) => change !== null).length;
          for (const { events } of turns) counts.events += events.length;
          return target.commit(turns);
        };
        return commit;
      }
      if (name === 'createRuns') {
        const createRuns: StateStore['createRuns'] = (request) => {
          counts.creates += 1;
          return target.createRuns(request);
        };
        return createRuns;
      }
      if (name === 'history') {
        const history: StateStore['history'] = (requests) => {
          counts.historyReads += 1;
          return target.history(requests);
        };
        return history;
      }
      return value.bind(target);
    },
  });
  return { store: proxy, counts };
}

describe('the cost of a plain local step, counted', () => {
  it('is one history row, no update of the run, no read of history, and a share of a flush', async () => {
    const handle = new Database(join(folder, 'counted.sqlite'));
    const { store, counts } = counted(new DrizzleStateStore(drizzle({ client: handle })));
    const engine = new DurableEngine({ store });
    open.push(async () => {
      await engine.stop();
      handle.close();
    });
    const runs = 400;
    const steps = 5;
    engine.registerWorkflow({
      name: 'five',
      version: '1',
      source: 'five',
      run: async (ctx) => {
        for (let i = 0; i < steps; i += 1) await ctx.step('noop', () => i);
      },
    });
    await engine.start();
    let next = 0;
    const lane = async () => {
      while (next < runs) {
        next += 1;
        const { runId } = await engine.startRun('five', null);
        await engine.waitForRun(runId);
      }
    };
    await Promise.all(Array.from({ length: 64 }, lane));

    expect(counts.events).toBe(runs * steps);
    // One turn a step, the last of which also ends the run: k + 1 commits with the start (T10).
    expect(counts.turns).toBe(runs * steps);
    expect(counts.runUpdates).toBe(runs);
    expect(counts.historyReads).toBe(0);
    expect((counts.commits + counts.creates) / (runs * steps)).toBeLessThanOrEqual(0.15);
  });
});
