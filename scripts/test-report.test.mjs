import { describe, expect, it } from 'vitest';
import { countTests, problemsOf, reasonOf } from './test-report.mjs';

const test = (status, fullName = 'works') => ({ status, fullName });
const file = (name, assertionResults, status = 'passed') => ({
  name: `/repo/${name}`,
  status,
  assertionResults,
});

describe('countTests', () => {
  it('counts over all reports, and names what was skipped', () => {
    const first = { testResults: [file('a.test.ts', [test('passed'), test('skipped', 'a b')])] };
    const second = {
      testResults: [file('c.test.ts', [test('failed'), test('todo', 'd')], 'failed')],
    };

    expect(countTests([first, second], '/repo')).toEqual({
      passed: 1,
      failed: 1,
      skips: [
        { file: 'a.test.ts', test: 'a b' },
        { file: 'c.test.ts', test: 'd' },
      ],
    });
  });

  it('counts a file that could not be loaded', () => {
    const report = { testResults: [file('a.test.ts', [], 'failed')] };
    expect(countTests([report], '/repo')).toEqual({ passed: 0, failed: 1, skips: [] });
  });
});

describe('a skipped test', () => {
  const skip = { file: 'packages/x/test/orders.mysql.test.ts', test: 'orders > are kept' };
  const reason = (allowed, excuses) => reasonOf(skip, { allowed, excuses });

  it('has no reason by itself', () => {
    expect(reason([], {})).toBeUndefined();
  });

  it('has the reason of its entry in the list', () => {
    const entry = { test: 'packages/x/test/orders.mysql.test.ts > orders', reason: 'for now' };
    expect(reason([entry], {})).toBe('for now');
  });

  it('has none from an entry without one', () => {
    expect(reason([{ test: 'packages/x' }], {})).toBeUndefined();
  });

  it('has the excuse of a server in the name of its file, and of no other', () => {
    expect(reason([], { mysql: 'it is broken' })).toBe('no mysql: it is broken');
    expect(reason([], { postgres: 'it is broken' })).toBeUndefined();
  });

  it.each([
    { isCi: true, reasons: [undefined], problems: 1 },
    { isCi: true, reasons: ['for now', undefined], problems: 1 },
    { isCi: true, reasons: ['for now'], problems: 0 },
    { isCi: false, reasons: [undefined], problems: 0 },
  ])('is a failure with CI=true unless it has a reason: %o', ({ isCi, reasons, problems }) => {
    expect(problemsOf({ passed: 1, reasons, isCi })).toHaveLength(problems);
  });
});

it('is a failure when no test passed', () => {
  expect(problemsOf({ passed: 0, reasons: [], isCi: false })).toHaveLength(1);
});
