import { expect, test } from 'vitest';
import { oneByOne } from '../src/store/one-by-one.js';

test('calls on one transaction follow each other, whether or not they fail', async () => {
  const tx = {};
  const steps: string[] = [];
  const call =
    (name: string, fails = false) =>
    async () => {
      steps.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const ends = await Promise.allSettled([
    oneByOne(tx, call('a')),
    oneByOne(tx, call('b', true)),
    oneByOne(tx, call('c')),
    oneByOne({}, call('other')),
  ]);
  expect(ends.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ]);
  expect(steps.filter((step) => !step.startsWith('other'))).toEqual([
    'a begins',
    'a ends',
    'b begins',
    'b ends',
    'c begins',
    'c ends',
  ]);
  expect(steps.indexOf('other begins')).toBeLessThan(steps.indexOf('a ends'));
});

test('what a synchronous driver answers is answered at once', () => {
  const tx = {};
  expect(oneByOne(tx, () => 1)).toBe(1);
  expect(oneByOne(tx, () => 2)).toBe(2);
});
