import {
  type RemoteTask,
  type RunRecord,
  type TaskResult,
  UNTAKEN_MS,
} from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { only } from './bench.js';
import { buildEvent, buildTask, completed, NAMESPACE, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const TAKE = { worker: 't1', namespace: NAMESPACE, limit: 10, visibilityMs: 5_000, steps: null };

/** A suspended run with these tasks in the outbox. */
async function withTasks(
  bench: StoreBench,
  ...tasks: readonly (Partial<RemoteTask> & { readonly id: string })[]
): Promise<RunRecord> {
  const run = await bench.start();
  const built = tasks.map((task, i) => buildTask(run, task.id, { position: i + 1, ...task }));
  await bench.commit(run, { tasks: built, change: suspended() });
  return run;
}

function resultOf(taskId: string, overrides: Partial<TaskResult['result']> = {}): TaskResult {
  const result = { attempt: 1, ok: true, payload: '"paid"', worker: 'py', startedAt: 5 };
  return { taskId, token: `token-of-${taskId}`, result: { ...result, ...overrides } };
}

function back(taskId: string, afterMs = 0) {
  return { taskId, afterMs };
}

/** The outbox of remote attempts: leases of tasks, and one result per attempt. */
export function describeTasks(storeTest: StoreTest): void {
  describe('takeTasks', () => {
    storeTest(
      'hands a task out whole, and hides it until its visibility runs out',
      async (bench) => {
        const task = { progress: '{"done":3}', timeoutMs: 9, heartbeatTimeoutMs: 8, attempt: 2 };
        const run = await withTasks(bench, { id: 'a', ...task });
        const expected = { ...buildTask(run, 'a', task), takes: 1, isUnserved: false };
        const first = await bench.store.takeTasks(TAKE);
        expect(first).toEqual({ tasks: [expected], nextVisibleAt: bench.now + 5_000 });
        expect(await bench.store.takeTasks(TAKE)).toEqual({ ...first, tasks: [] });
        await bench.advance(4_999);
        expect(await bench.visibleTasks()).toEqual([]);
        await bench.advance(1);
        const again = { ...expected, takes: 2 };
        expect(await bench.store.takeTasks(TAKE)).toMatchObject({ tasks: [again] });
      },
    );

    storeTest('goes by priority, then time, then id, up to the limit', async (bench) => {
      await withTasks(bench, { id: 'c' }, { id: 'b' }, { id: 'low', priority: -1 });
      await bench.advance(1);
      await withTasks(bench, { id: 'a' }, { id: 'high', priority: 2 });
      const first = await bench.store.takeTasks({ ...TAKE, limit: 3 });
      expect(first.tasks.map((task) => task.id)).toEqual(['high', 'b', 'c']);
      expect(first.nextVisibleAt).toBeLessThanOrEqual(bench.now);
      const second = await bench.store.takeTasks({ ...TAKE, limit: 3 });
      expect(second.tasks.map((task) => task.id)).toEqual(['a', 'low']);
    });

    storeTest('takes by namespace and step name', async (bench) => {
      await withTasks(bench, { id: 'a' }, { id: 'b', step: 'ship' }, { id: 'c', step: 'Ship' });
      await withTasks(bench, { id: 'd', namespace: 'elsewhere' });
      expect(await bench.visibleTasks({ steps: ['ship', 'nothing'] })).toEqual(['b']);
      expect(await bench.visibleTasks({ steps: [] })).toEqual([]);
      expect(await bench.visibleTasks({ namespace: 'elsewhere' })).toEqual(['d']);
      expect(await bench.visibleTasks()).toEqual(['a', 'b', 'c']);
      const none = await bench.store.takeTasks({ ...TAKE, steps: ['nothing'] });
      expect(none).toEqual({ tasks: [], nextVisibleAt: null });
    });

    storeTest('leaves a new task to its maker for as long as the turn says', async (bench) => {
      const run = await bench.start();
      const tasks = [buildTask(run, 'a', { hiddenMs: 3_000 }), buildTask(run, 'b')];
      await bench.commit(run, { events: [buildEvent(1)], tasks });
      expect(await bench.visibleTasks()).toEqual(['b']);
      await bench.advance(2_999);
      expect(await bench.visibleTasks()).toEqual(['b']);
      await bench.advance(1);
      expect((await bench.visibleTasks()).sort()).toEqual(['a', 'b']);
    });

    storeTest(
      'has no more what a turn of its run has ended, the same turn included',
      async (bench) => {
        const run = await bench.start();
        const other = await withTasks(bench, { id: 'of-other' });
        const at = (position: number, id: string) => buildTask(run, id, { position });
        await bench.commit(run, { events: [buildEvent(1)], tasks: [at(1, 'a'), at(2, 'b')] });
        const next = { events: [buildEvent(2)], tasks: [at(3, 'c')] };
        await bench.commit(run, { ...next, endedTasks: ['a', 'of-other', 'nothing'] });
        expect((await bench.visibleTasks()).sort()).toEqual(['b', 'c', 'of-other']);
        const same = { events: [buildEvent(3)], tasks: [at(4, 'd')], endedTasks: ['b', 'd'] };
        await bench.commit(run, same);
        expect((await bench.visibleTasks()).sort()).toEqual(['c', 'of-other']);
        await bench.commit(run, {
          events: [buildEvent(4)],
          endedTasks: ['c'],
          change: completed(),
        });
        expect(await bench.visibleTasks()).toEqual(['of-other']);
        expect(other.id).not.toBe(run.id);
      },
    );

    storeTest('extends the invisibility of living tasks', async (bench) => {
      await withTasks(bench, { id: 'a' }, { id: 'b' });
      await bench.store.takeTasks(TAKE);
      await bench.advance(4_000);
      await bench.store.extendTasks(['a', 'nothing'], 5_000);
      await bench.advance(1_000);
      expect(await bench.visibleTasks()).toEqual(['b']);
      await bench.advance(4_000);
      expect((await bench.visibleTasks()).sort()).toEqual(['a', 'b']);
      await bench.store.extendTasks([], 1);
    });

    storeTest('does not count a take that was given back', async (bench) => {
      await withTasks(bench, { id: 'a' }, { id: 'b' });
      const takes = async () => {
        const { tasks } = await bench.store.takeTasks(TAKE);
        return tasks.map((task) => [task.id, task.takes]);
      };
      expect(await takes()).toEqual([
        ['a', 1],
        ['b', 1],
      ]);
      await bench.store.returnTasks([back('a', 1_000), back('nothing', 1_000)]);
      expect(await takes()).toEqual([]);
      await bench.advance(1_000);
      expect(await takes()).toEqual([['a', 1]]);
      await bench.store.extendTasks(['a', 'b'], 0);
      expect(await takes()).toEqual([
        ['a', 2],
        ['b', 2],
      ]);
      for (let i = 0; i < 4; i += 1) await bench.store.returnTasks([back('a'), back('a')]);
      expect(await takes()).toEqual([['a', 1]]);
      await bench.store.returnTasks([]);
    });

    storeTest('gives each task to one of several takers', async (bench) => {
      const ids = Array.from({ length: 20 }, (_, i) => `task-${i}`);
      await withTasks(bench, ...ids.map((id) => ({ id })));
      const handles = await bench.handles(4);
      const taken = await Promise.all(
        [...handles, ...handles].map((store, i) =>
          store.takeTasks({ ...TAKE, worker: `t${i}`, limit: 4 }),
        ),
      );
      const seen = taken.flatMap(({ tasks }) => tasks.map((task) => task.id));
      expect(new Set(seen).size).toBe(seen.length);
      const rest = await bench.store.takeTasks({ ...TAKE, limit: 100 });
      expect([...seen, ...rest.tasks.map((task) => task.id)].sort()).toEqual([...ids].sort());
    });
  });

  describe('completeTasks', () => {
    storeTest(
      'puts the result into the inbox, wakes the run, and removes the task',
      async (bench) => {
        const run = await withTasks(bench, { id: 'a', position: 3, attempt: 2 });
        const result = resultOf('a', { attempt: 2, ok: false, startedAt: null });
        const answers = await bench.store.completeTasks([result]);
        expect(answers).toEqual([{ outcome: 'accepted', woken: [run.id] }]);
        const body = { kind: 'remote', position: 3, result: result.result };
        expect(await bench.receive(run.id)).toMatchObject([{ type: 'inbox', body }]);
        expect(await bench.claimIds()).toEqual([run.id]);
        expect(await bench.store.takeTasks(TAKE)).toEqual({ tasks: [], nextVisibleAt: null });
        const again = await bench.store.completeTasks([result]);
        expect(again).toEqual([{ outcome: 'ignored', woken: [] }]);
      },
    );

    storeTest(
      'ignores forged, late and unknown results, and takes the others of the batch',
      async (bench) => {
        const run = await withTasks(bench, { id: 'a' }, { id: 'b' });
        const before = await dumpStore(bench.store);
        const wrong = [
          { ...resultOf('a'), token: 'guess' },
          { ...resultOf('a'), token: 'token-of-b' },
          { ...resultOf('a'), token: 'TOKEN-of-a' },
          resultOf('a', { attempt: 2 }),
          resultOf('nothing'),
        ];
        const refused = await bench.store.completeTasks(wrong);
        expect(refused.map((answer) => answer.outcome)).toEqual(wrong.map(() => 'ignored'));
        expect(await dumpStore(bench.store)).toEqual(before);
        const mixed = await bench.store.completeTasks([...wrong, resultOf('b'), resultOf('b')]);
        const outcomes = mixed.slice(-2).map((answer) => answer.outcome);
        expect(outcomes).toEqual(['accepted', 'ignored']);
        expect(await bench.receive(run.id)).toHaveLength(1);
        expect(await bench.store.completeTasks([])).toEqual([]);
      },
    );

    storeTest(
      'takes a result for an attempt that nobody has taken, or that is hidden',
      async (bench) => {
        await withTasks(bench, { id: 'a' }, { id: 'b' });
        await bench.store.takeTasks({ ...TAKE, limit: 1 });
        const answers = await bench.store.completeTasks([resultOf('a'), resultOf('b')]);
        expect(answers.map((answer) => answer.outcome)).toEqual(['accepted', 'accepted']);
      },
    );

    storeTest('accepts one of several results that come at the same time', async (bench) => {
      const run = await withTasks(bench, { id: 'a' });
      const handles = await bench.handles(4);
      const answers = await Promise.all(
        handles.map((store, i) => store.completeTasks([resultOf('a', { payload: `"${i}"` })])),
      );
      const outcomes = answers.flat().map((answer) => answer.outcome);
      expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'ignored')).toHaveLength(3);
      expect(await bench.receive(run.id)).toHaveLength(1);
    });
  });

  describe('completeTasks in batches', () => {
    storeTest('gives a run its results in the order of the batch', async (bench) => {
      const run = await withTasks(bench, { id: 'b' }, { id: 'c' }, { id: 'a' });
      await bench.store.completeTasks(['c', 'b', 'a'].map((id) => resultOf(id)));
      const received = await bench.receive(run.id);
      expect(received).toMatchObject([2, 1, 3].map((position) => ({ body: { position } })));
    });

    storeTest('takes the same results in whatever order they come', async (bench) => {
      const ids = Array.from({ length: 40 }, (_, i) => `task-${i}`);
      for (const id of ids) await withTasks(bench, { id });
      const forged = ids.map((id) => ({ ...resultOf(id), token: 'guess' }));
      const results = [...forged, ...ids.map((id) => resultOf(id))];
      const [one, other] = await bench.handles(2);
      const batches = [one?.completeTasks(results), other?.completeTasks(results.toReversed())];
      const answers = (await Promise.all(batches)).flatMap((batch) => batch ?? []);
      const accepted = answers.filter(({ outcome }) => outcome === 'accepted');
      expect(accepted.flatMap(({ woken }) => woken)).toHaveLength(ids.length);
      expect(answers.filter(({ outcome }) => outcome === 'ignored')).toHaveLength(3 * ids.length);
      expect(await bench.store.takeTasks(TAKE)).toEqual({ tasks: [], nextVisibleAt: null });
    });
  });

  describe('listUnserved', () => {
    const listed = async (bench: StoreBench, ...runs: readonly RunRecord[]) => {
      const found = await bench.store.listUnserved(runs.map(({ id }) => id));
      return found.toSorted((a, b) => a.position - b.position);
    };

    storeTest(
      'has what is marked, since it was first marked, until somebody has it',
      async (bench) => {
        const run = await withTasks(bench, { id: 'a' }, { id: 'b' }, { id: 'c' });
        const other = await withTasks(bench, { id: 'd' });
        await bench.store.takeTasks({ ...TAKE, visibilityMs: 1_000_000 });
        const since = bench.now;
        await bench.store.markUnserved(['a', 'b', 'd', 'nothing']);
        await bench.advance(2_000);
        await bench.store.markUnserved(['b', 'c', 'c']);
        const late = bench.now;
        expect(await listed(bench, run)).toEqual([
          { runId: run.id, position: 1, since },
          { runId: run.id, position: 2, since },
          { runId: run.id, position: 3, since: late },
        ]);
        expect(await listed(bench, other)).toEqual([{ runId: other.id, position: 1, since }]);
        expect(await bench.store.listUnserved([])).toEqual([]);
        expect(await bench.store.listUnserved(['nothing'])).toEqual([]);
        await bench.store.extendTasks(['a'], 5_000);
        await bench.store.completeTasks([resultOf('b')]);
        expect(await listed(bench, run)).toEqual([{ runId: run.id, position: 3, since: late }]);
        await bench.store.markUnserved([]);
      },
    );

    storeTest('tells the next taker', async (bench) => {
      await withTasks(bench, { id: 'a' }, { id: 'b' });
      await bench.store.takeTasks(TAKE);
      await bench.store.markUnserved(['a']);
      await bench.store.returnTasks([back('a'), back('b')]);
      const { tasks } = await bench.store.takeTasks(TAKE);
      expect(tasks.map((task) => [task.id, task.isUnserved])).toEqual([
        ['a', true],
        ['b', false],
      ]);
    });

    storeTest('has what nobody takes', async (bench) => {
      const run = await withTasks(bench, { id: 'a' }, { id: 'b' });
      const since = bench.now;
      await bench.store.takeTasks({ ...TAKE, limit: 1 });
      await bench.advance(UNTAKEN_MS - 1);
      expect(await listed(bench, run)).toEqual([]);
      await bench.advance(1);
      expect(await listed(bench, run)).toEqual([{ runId: run.id, position: 2, since }]);
    });
  });

  describe('commit: tasks', () => {
    storeTest('puts a task there once, whatever became of its visibility', async (bench) => {
      const run = await bench.start();
      const tasks = [buildTask(run, 'a')];
      await bench.commit(run, { tasks });
      await bench.store.takeTasks(TAKE);
      const changed = [buildTask(run, 'a', { input: '"other"' }), buildTask(run, 'b')];
      await bench.commit(run, { tasks: changed });
      expect(await bench.visibleTasks()).toEqual(['b']);
      await bench.store.extendTasks(['a'], 0);
      const { tasks: seen } = await bench.store.takeTasks({ ...TAKE, steps: ['charge'] });
      expect(seen.map((task) => task.input)).toEqual(['{"amount":5}', '{"amount":5}']);
    });

    storeTest('ends its own tasks, and nobody else’s', async (bench) => {
      const [run, other] = [await bench.start(), await bench.start()];
      await bench.commit(run, { tasks: [buildTask(run, 'a'), buildTask(run, 'b')] });
      await bench.commit(other, { tasks: [buildTask(other, 'c')] });
      await bench.commit(run, { endedTasks: ['a', 'c', 'nothing'] });
      expect(await bench.visibleTasks()).toEqual(['b', 'c']);
      expect(only(await bench.store.completeTasks([resultOf('a')])).outcome).toBe('ignored');
    });

    storeTest('removes the tasks of a run that ends', async (bench) => {
      const [a, b] = [await bench.start(), await bench.start()];
      await bench.commit(a, { tasks: [buildTask(a, 'a')], change: completed() });
      await bench.commit(b, { tasks: [buildTask(b, 'b')] });
      await bench.store.terminate({ runId: b.id, reason: 'r', onlyIf: 'nonTerminal' });
      expect(await bench.store.takeTasks(TAKE)).toEqual({ tasks: [], nextVisibleAt: null });
      const late = await bench.store.completeTasks([resultOf('a'), resultOf('b')]);
      expect(late.map((answer) => answer.outcome)).toEqual(['ignored', 'ignored']);
    });
  });
}
