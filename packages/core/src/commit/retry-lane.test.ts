import { expect, test } from 'vitest';
import { VirtualRuntime } from '../../test/support/virtual-runtime.js';
import { Batcher } from './batcher.js';

/** A batcher whose store fails every batch that `fails` says, and remembers what it was sent. */
function batcherOf(fails: (batch: readonly string[]) => boolean, lanes = 1) {
  const runtime = new VirtualRuntime();
  const calls: (readonly string[])[] = [];
  const done: string[] = [];
  const batcher = new Batcher<string, string>({
    what: 'Writing items',
    send: async (batch) => {
      calls.push(batch);
      if (fails(batch)) throw new Error('the store is not there');
      return batch;
    },
    measure: () => ({ rows: 1, bytes: 1 }),
    scheduler: runtime.scheduler,
    logger: runtime.logger,
    retryable: () => true,
    lanes,
  });
  const add = (...items: readonly string[]): void => {
    for (const item of items) batcher.add(item, () => done.push(item));
  };
  return { batcher, runtime, calls, done, add };
}

test.each([1, 2])(
  'what the store never takes keeps nobody waiting, with %i lanes',
  async (lanes) => {
    const { runtime, calls, done, add } = batcherOf((batch) => batch.includes('bad'), lanes);
    add('a', 'bad', 'b', 'c');
    await runtime.advance(1);
    // Fewer than a second lane would be opened for.
    add('d');
    await runtime.advance(25);
    expect(done).toEqual(['d']);
    await runtime.advance(500);
    expect(new Set(done)).toEqual(new Set(['a', 'b', 'c', 'd']));
    add('e');
    await runtime.advance(1);
    expect(done.at(-1)).toBe('e');
    expect(calls.at(-1)).toEqual(['e']);
  },
);

test('a batch whose answer was lost is sent again as it was', async () => {
  let losses = 1;
  const { runtime, calls, done, add, batcher } = batcherOf(() => losses-- > 0);
  add('a', 'b');
  await runtime.advance(1);
  expect(batcher.isIdle).toBe(false);
  await runtime.advance(20);
  expect(calls).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
  expect(done).toEqual(['a', 'b']);
  expect(batcher.isIdle).toBe(true);
});

test('a database that is away is asked by few, and found when it is back', async () => {
  let isAway = true;
  const { runtime, calls, done, add, batcher } = batcherOf(() => isAway, 2);
  for (let second = 0; second < 60; second += 1) {
    add(`${second}a`, `${second}b`);
    await runtime.advance(1_000);
  }
  // Two that wait, at most 2 s each, and those of the first seconds.
  expect(calls.length).toBeLessThan(80);
  isAway = false;
  await runtime.advance(2_000);
  expect(done).toHaveLength(120);
  expect(batcher.isIdle).toBe(true);
  expect(runtime.timers).toBe(0);
});

test('a batcher that is ended answers for what has failed, too', async () => {
  const { runtime, batcher } = batcherOf(() => true);
  const failed = batcher.submit('failed');
  const answer = expect(failed).rejects.toThrow('no more');
  await runtime.advance(100);
  batcher.end(new Error('no more'));
  await answer;
  expect(runtime.timers).toBe(0);
});
