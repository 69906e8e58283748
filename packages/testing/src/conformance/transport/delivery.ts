import { describe, expect, it } from 'vitest';
import type { TransportFixture } from './fixture.js';
import { HeldHandler, TestBench } from './test-bench.js';

/** Who gets a task, how often, and when. */
export function describeDelivery(fixture: TransportFixture): void {
  describe('dispatch', () => {
    it('answers for each task, in order, and says which nobody serves', async () => {
      const bench = await TestBench.open(fixture, { known: async (input) => input });
      const tasks = [bench.task('unknown'), bench.task('known', 1), bench.task('Known')];
      const outcomes = await bench.ends.engine.dispatch(tasks);
      expect(outcomes).toEqual(['unserved', 'dispatched', 'unserved']);
      expect(await bench.sink.outputOf('token-2')).toBe(1);
      expect(bench.sink.results).toHaveLength(1);
    });

    it('takes an empty list', async () => {
      const bench = await TestBench.open(fixture, {});
      expect(await bench.ends.engine.dispatch([])).toEqual([]);
    });

    it('does not call the handler inside the call', async () => {
      let called = false;
      const bench = await TestBench.open(fixture, {
        mark: async () => {
          called = true;
        },
      });
      const dispatched = bench.ends.engine.dispatch([bench.task('mark')]);
      expect(called).toBe(false);
      expect(await dispatched).toEqual(['dispatched']);
      await bench.sink.resultOf('token-1');
      expect(called).toBe(true);
    });

    it('may be overtaken by its results', async () => {
      const bench = await TestBench.open(fixture, { fast: (input) => Promise.resolve(input) });
      const tasks = Array.from({ length: 20 }, (_, index) => bench.task('fast', index));
      const dispatched = bench.ends.engine.dispatch(tasks);
      await bench.sink.until(() => bench.sink.results.length === tasks.length);
      expect(await dispatched).toEqual(tasks.map(() => 'dispatched'));
      for (const [index, { token }] of tasks.entries()) {
        expect(await bench.sink.outputOf(token)).toBe(index);
      }
    });

    it('of one attempt twice gives results with its one token', async () => {
      const held = new HeldHandler();
      const bench = await TestBench.open(fixture, { held: held.invoke });
      const task = bench.task('held');
      const outcomes = await bench.ends.engine.dispatch([task, task]);
      expect(outcomes).toEqual(['dispatched', 'dispatched']);
      await held.call();
      await bench.ends.engine.dispatch([task]);
      held.finish(() => 'done', 1);
      expect(await bench.sink.outputOf(task.token)).toBe('done');
      for (const result of bench.sink.results) {
        expect(result).toMatchObject({
          taskId: task.id,
          token: task.token,
          result: { attempt: 1 },
        });
      }
    });

    it('of the next attempt of a task is a new one, even while the last still runs', async () => {
      const held = new HeldHandler();
      const bench = await TestBench.open(fixture, { held: held.invoke });
      const first = bench.task('held');
      const second = { ...first, token: 'second', attempt: 2 };
      await bench.ends.engine.dispatch([first]);
      await held.call(1);
      await bench.ends.engine.dispatch([second]);
      await held.call(2);
      held.finish(() => 'two', 2);
      held.finish(() => 'one', 1);
      expect(await bench.sink.outputOf('second')).toBe('two');
      expect(await bench.sink.outputOf(first.token)).toBe('one');
      expect(await bench.sink.resultOf('second')).toMatchObject({ attempt: 2 });
    });

    it('carries 200 tasks at once, each to its own result', async () => {
      let running = 0;
      let most = 0;
      const bench = await TestBench.open(fixture, {
        square: async (n) => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return Number(n) ** 2;
        },
      });
      const tasks = Array.from({ length: 200 }, (_, index) => bench.task('square', index));
      await bench.ends.engine.dispatch(tasks);
      await bench.sink.until(() => bench.sink.results.length === 200);
      for (const [index, { token }] of tasks.entries()) {
        expect(await bench.sink.outputOf(token)).toBe(index ** 2);
      }
      expect(new Set(bench.sink.results.map(({ token }) => token)).size).toBe(200);
      expect(most).toBeGreaterThan(1);
    });

    it('is not held up by a task that does not end', async () => {
      const held = new HeldHandler();
      const bench = await TestBench.open(fixture, { held: held.invoke, fast: async () => 'fast' });
      await bench.send('held');
      await held.call();
      expect(await bench.sink.outputOf(await bench.send('fast'))).toBe('fast');
    });
  });
}
