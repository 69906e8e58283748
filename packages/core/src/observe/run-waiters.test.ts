import { beforeEach, describe, expect, test } from 'vitest';
import { VirtualRuntime } from '../../test/support/virtual-runtime.js';
import { RunWaiters, type SettledRun, type Waiter } from './run-waiters.js';

const completed: SettledRun = {
  id: 'r',
  status: 'completed',
  output: null,
  error: null,
  reason: null,
};

describe('RunWaiters', () => {
  let runtime: VirtualRuntime;
  let looks: { runId: string; at: number }[];
  let runs: Map<string, SettledRun>;
  let executed: Set<string>;
  let waiters: RunWaiters;

  beforeEach(() => {
    runtime = new VirtualRuntime();
    looks = [];
    runs = new Map();
    executed = new Set();
    const startedAt = runtime.clock.monotonic();
    waiters = new RunWaiters({
      find: async (runId) => {
        looks.push({ runId, at: runtime.clock.monotonic() - startedAt });
        return runs.get(runId) ?? { ...completed, status: 'running' };
      },
      isExecuted: (runId) => executed.has(runId),
      runtime,
    });
  });

  /** What the waiter has been told so far. */
  function wait(runId: string): (SettledRun | undefined | Error)[] {
    const told: (SettledRun | undefined | Error)[] = [];
    const waiter: Waiter = {
      settle: (run) => void told.push(run),
      fail: (error) => void told.push(error),
    };
    waiters.add(runId, waiter);
    return told;
  }

  test('look at what others execute after 50 ms, and then ever more seldom, up to a second', async () => {
    wait('theirs');
    await runtime.advance(4_000);
    expect(looks.map(({ at }) => at)).toEqual([50, 150, 350, 750, 1_550, 2_550, 3_550]);
  });

  test('look at what is executed here only after a second: its end is told', async () => {
    executed.add('ours');
    const told = wait('ours');
    await runtime.advance(999);
    expect(looks).toEqual([]);
    waiters.notify('ours', completed);
    expect(told).toEqual([completed]);
    await runtime.advance(10_000);
    expect(looks).toEqual([]);
    expect(runtime.timers).toBe(0);
  });

  test('find the end of a run that is executed here and that somebody else has ended', async () => {
    executed.add('ours');
    const told = wait('ours');
    runs.set('ours', { ...completed, status: 'cancelled' });
    await runtime.advance(1_000);
    expect(told).toEqual([{ ...completed, status: 'cancelled' }]);
  });

  test('a new wait hurries only its own run, also while others sleep longer', async () => {
    executed.add('ours');
    wait('ours');
    await runtime.advance(500);
    wait('theirs');
    await runtime.advance(100);
    expect(looks).toEqual([{ runId: 'theirs', at: 550 }]);
  });

  test('a look that fails is no reason to look at once again, nor never again', async () => {
    let fails = true;
    waiters = new RunWaiters({
      find: async (runId) => {
        looks.push({ runId, at: 0 });
        if (fails) throw new Error('no database');
        return completed;
      },
      isExecuted: () => false,
      runtime,
    });
    const told = wait('theirs');
    await runtime.advance(149);
    expect(looks).toHaveLength(1);
    fails = false;
    await runtime.advance(1);
    expect(told).toEqual([completed]);
  });

  test('stop tells everybody, and leaves no timer', () => {
    const told = wait('theirs');
    waiters.stop();
    expect(told).toHaveLength(1);
    expect(runtime.timers).toBe(0);
  });
});
