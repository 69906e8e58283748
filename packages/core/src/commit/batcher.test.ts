import { expect, test } from 'vitest';
import { consoleLogger, createSystemRuntime } from '../runtime/system.js';
import { AGAIN, type Again, Batcher } from './batcher.js';

const { scheduler } = createSystemRuntime(consoleLogger);

/** A batcher whose store answers as told, batch by batch. */
function batcherOf(answer: (batch: readonly string[]) => readonly (string | Again)[]) {
  const batches: (readonly string[])[] = [];
  const batcher = new Batcher<string, string>({
    what: 'items',
    send: async (items) => {
      batches.push(items);
      return answer(items);
    },
    measure: () => ({ rows: 1, bytes: 1 }),
    scheduler,
    logger: consoleLogger,
    retryable: () => true,
  });
  return { batcher, batches };
}

test('an item that could not be taken is sent again, and the others do not wait for it', async () => {
  let refusals = 2;
  const { batcher, batches } = batcherOf((batch) =>
    batch.map((item) => {
      if (item === 'held' && refusals > 0) {
        refusals -= 1;
        return AGAIN;
      }
      return `${item}!`;
    }),
  );
  const ends: string[] = [];
  const watch = async (item: string): Promise<void> => {
    ends.push(await batcher.submit(item));
  };
  await Promise.all([watch('held'), watch('free').then(() => watch('next')), batcher.whenIdle()]);
  expect(ends).toEqual(['free!', 'next!', 'held!']);
  expect(batches).toEqual([['held', 'free'], ['next'], ['held'], ['held']]);
  expect(batcher.isIdle).toBe(true);
});

test('a batcher that is killed sends nothing again', async () => {
  let answers = 0;
  const { batcher, batches } = batcherOf(() => {
    answers += 1;
    return [AGAIN];
  });
  batcher.add('held', () => {
    throw new Error('nobody answers after a kill');
  });
  await expect.poll(() => answers).toBeGreaterThan(1);
  batcher.kill();
  const sent = batches.length;
  await new Promise((resolve) => scheduler.setTimer(() => resolve(undefined), 50));
  expect(batches).toHaveLength(sent);
});

test('two lanes: a second batch goes out beside the first, if it is worth a call', async () => {
  const calls: { readonly items: readonly number[]; readonly end: () => void }[] = [];
  const batcher = new Batcher<number, number>({
    what: 'items',
    send: (items) =>
      new Promise((resolve) => {
        calls.push({ items, end: () => resolve(items) });
      }),
    measure: () => ({ rows: 1, bytes: 1 }),
    scheduler,
    logger: consoleLogger,
    retryable: () => true,
    lanes: 2,
  });
  const done: number[] = [];
  const add = (from: number, to: number): void => {
    for (let item = from; item < to; item += 1) batcher.add(item, () => done.push(item));
  };
  add(0, 300);
  await expect.poll(() => calls.length).toBe(2);
  expect(calls.map(({ items }) => [items[0], items.length])).toEqual([
    [0, 128],
    [128, 128],
  ]);
  calls[1]?.end();
  // 44 are left: enough to go out beside the first batch.
  await expect.poll(() => calls.length).toBe(3);
  expect(done).toHaveLength(128);
  calls[2]?.end();
  await expect.poll(() => done.length).toBe(172);
  add(300, 310);
  calls[0]?.end();
  await expect.poll(() => calls.length).toBe(4);
  expect(calls[3]?.items).toHaveLength(10);
  calls[3]?.end();
  await batcher.whenIdle();
  expect(done).toHaveLength(310);
});

test('a batcher that is ended answers everybody, and takes no answer any more', async () => {
  let answerFirst = (_: readonly string[]): void => {};
  const batcher = new Batcher<string, string>({
    what: 'items',
    send: () =>
      new Promise((resolve) => {
        answerFirst = resolve;
      }),
    measure: () => ({ rows: 1, bytes: 1 }),
    scheduler,
    logger: consoleLogger,
    retryable: () => true,
  });
  const inFlight = batcher.submit('in flight');
  await new Promise((resolve) => scheduler.soon(() => resolve(undefined)));
  const queued = batcher.submit('queued');
  batcher.end(new Error('no more'));
  await expect(inFlight).rejects.toThrow('no more');
  await expect(queued).rejects.toThrow('no more');
  answerFirst(['late']);
});
