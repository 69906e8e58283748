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
