import { describe, expect, it } from 'vitest';
import { matrixProblems, readCombinations, renderMatrix, replaceMatrix } from './test-matrix.mjs';

const SUITE = 'store conformance';

/** `count` tests of a section. */
function tests(name, { section = 'claim', count = 1, status = 'passed', suite = SUITE } = {}) {
  const ancestorTitles = ['MariaDB', `${suite}: ${name}`, section];
  return Array.from({ length: count }, () => ({ ancestorTitles, status }));
}

function run(...assertions) {
  const assertionResults = assertions.flat();
  return readCombinations([{ testResults: [{ assertionResults }] }]);
}

const EMPTY =
  'before\n<!-- test-matrix: written by `pnpm test-matrix` from a run of all tests -->\n' +
  '<!-- test-matrix: end -->\nafter\n';

function rows(combinations) {
  return renderMatrix(combinations)
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.includes('---'));
}

describe('the table', () => {
  it('has a row per database and a column per ORM, with counts rounded down', () => {
    const combinations = run(
      tests('TypeORM on MySQL', { count: 274 }),
      tests('Drizzle on a SQLite file', { count: 57 }),
      tests('Drizzle on PostgreSQL', { count: 10 }),
    );

    expect(rows(combinations)).toEqual([
      '| The store | Drizzle | TypeORM |',
      '| PostgreSQL | all, 10+ | not there |',
      '| MySQL | not there | all, 250+ |',
      '| SQLite file | all, 50+ | not there |',
    ]);
  });

  it('says which parts of the suite are left out, and tells variants apart', () => {
    const combinations = run(
      tests('Prisma with its pool on PostgreSQL', { count: 10 }),
      tests('Prisma with its pool on PostgreSQL', { section: 'faults', count: 10 }),
      tests('Prisma without its pool on PostgreSQL', { count: 10 }),
    );

    expect(rows(combinations)[1]).toBe(
      '| PostgreSQL | with its pool: all, 20+; without its pool: all but *faults*, 10+ |',
    );
  });

  it('has one part per suite, and nothing of other tests', () => {
    const combinations = run(
      tests('Drizzle on MySQL'),
      tests('Drizzle on MySQL', { suite: 'transactions' }),
      tests('in-memory'),
      { ancestorTitles: ['a queue'], status: 'passed' },
    );

    expect(combinations).toHaveLength(2);
    expect(rows(combinations).map((row) => row.split(' | ')[0])).toEqual([
      '| The store',
      '| MySQL',
      '| Transactions of the ORM',
      '| MySQL',
    ]);
  });

  it('takes its place in the page', () => {
    const combinations = run(tests('Drizzle on MySQL'));
    const page = replaceMatrix(EMPTY, renderMatrix(combinations));
    expect(page).toMatch(/^before\n<!--.*\| MySQL \| all, 0\+ \|.*-->\nafter\n$/s);
    expect(replaceMatrix(page, renderMatrix(combinations))).toBe(page);
    expect(() => replaceMatrix('no place', '')).toThrow('no place for the table');
  });
});

describe('the check', () => {
  const drizzle = tests('Drizzle on MySQL', { count: 60 });
  const page = replaceMatrix(EMPTY, renderMatrix(run(drizzle)));

  it.each([
    ['the same', drizzle],
    ['more tests', [...drizzle, ...tests('Drizzle on MySQL', { count: 50 })]],
    ['a database that was not to be had', drizzle.map((it) => ({ ...it, status: 'skipped' }))],
  ])('accepts a run with %s', (_, assertions) => {
    expect(matrixProblems(page, run(assertions))).toEqual([]);
  });

  it.each([
    ['a combination more', [...drizzle, ...tests('TypeORM on MySQL')], /not what the tests/],
    ['a combination less', tests('Drizzle on MariaDB', { count: 60 }), /not what the tests/],
    [
      'a part that others leave out',
      [...drizzle, ...tests('Drizzle on MariaDB', { section: 'faults' })],
      /not what the tests/,
    ],
    ['fewer tests', drizzle.slice(0, 40), /claims more tests than there are/],
  ])('refuses a run with %s', (_, assertions, problem) => {
    expect(matrixProblems(page, run(assertions))).toEqual([expect.stringMatching(problem)]);
  });
});
