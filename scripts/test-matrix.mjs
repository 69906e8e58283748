// The table of docs/databases.md: which suite has run on which database through which ORM, by Vitest's JSON reports.

/** How the suites call themselves, and the table they make. */
const SUITES = [
  { prefix: 'store conformance', title: 'The store' },
  { prefix: 'transactions', title: 'Transactions of the ORM' },
];

/** In the order of the rows. What is not here comes after them. */
const DATABASES = ['PostgreSQL', 'MariaDB', 'MySQL', 'SQLite file', 'SQLite in memory'];

const BEGIN = '<!-- test-matrix: written by `pnpm test-matrix` from a run of all tests -->';
const END = '<!-- test-matrix: end -->';

/**
 * A suite on a database through an ORM.
 *
 * @typedef {object} Combination
 * @property {string} suite
 * @property {string} orm
 * @property {string} variant words between the ORM and the database: "without its pool"
 * @property {string} database
 * @property {Set<string>} sections of the suite that were declared
 * @property {number} passed
 * @property {number} notPassed failed or skipped
 */

/**
 * What the reports have. A suite that was skipped counts as there: skips are refused elsewhere.
 *
 * @param {readonly object[]} reports
 * @returns {Combination[]}
 */
export function readCombinations(reports) {
  const found = new Map();
  const tests = reports.flatMap(({ testResults }) =>
    testResults.flatMap(({ assertionResults }) => assertionResults),
  );
  for (const { ancestorTitles, status } of tests) {
    const at = ancestorTitles.findIndex((title) => suiteOf(title) !== undefined);
    const place = at < 0 ? undefined : placeOf(ancestorTitles[at]);
    if (place === undefined) continue;
    const key = ancestorTitles[at];
    const combination = found.get(key) ?? {
      ...place,
      sections: new Set(),
      passed: 0,
      notPassed: 0,
    };
    found.set(key, combination);
    combination.sections.add(ancestorTitles[at + 1] ?? '');
    combination[status === 'passed' ? 'passed' : 'notPassed'] += 1;
  }
  return [...found.values()];
}

/**
 * The tables, as Markdown. Counts are rounded down, and are what a run has at least.
 *
 * @param {readonly Combination[]} combinations
 */
export function renderMatrix(combinations) {
  const tables = SUITES.flatMap(({ prefix, title }) => {
    const own = combinations.filter(({ suite }) => suite === prefix);
    return own.length === 0 ? [] : [tableOf(title, own)];
  });
  return `${BEGIN}\n\n${tables.join('\n\n')}\n\n${END}`;
}

/** The page with another table. @throws Error for a page without a place for it */
export function replaceMatrix(page, matrix) {
  const [, begin, end] = matrixOf(page);
  return page.slice(0, begin) + matrix + page.slice(end);
}

/**
 * What is wrong with the table of the page, by what has run: combinations, parts of suites that were left out, and
 * counts that a run does not reach.
 *
 * @param {string} page
 * @param {readonly Combination[]} combinations
 * @returns {string[]}
 */
export function matrixProblems(page, combinations) {
  const [committed] = matrixOf(page);
  const todo = 'Run `pnpm test-matrix` after a run of all tests.';
  if (withoutCounts(committed) !== withoutCounts(renderMatrix(combinations))) {
    return [`the table in docs/databases.md is not what the tests have run. ${todo}`];
  }
  const claimed = countsOf(committed);
  const ran = countsOf(renderMatrix(combinations.map(asIfPassed)));
  const isLess = claimed.some((count, i) => count > (ran[i] ?? 0));
  return isLess ? [`the table in docs/databases.md claims more tests than there are. ${todo}`] : [];
}

function asIfPassed(combination) {
  const { passed, notPassed } = combination;
  return { ...combination, passed: passed + notPassed };
}

function suiteOf(title) {
  return SUITES.find(({ prefix }) => title.startsWith(`${prefix}: `));
}

/** "store conformance: Prisma without its pool on PostgreSQL"; undefined for a store that is on no database. */
function placeOf(title) {
  const { prefix } = suiteOf(title);
  const name = title.slice(prefix.length + 2);
  const [, orm, variant = '', database] = /^(\S+)(?: (.+))? on (?:an? )?(.+)$/.exec(name) ?? [];
  return orm === undefined ? undefined : { suite: prefix, orm, variant, database };
}

function tableOf(title, combinations) {
  const all = new Set(combinations.flatMap(({ sections }) => [...sections]));
  const orms = [...new Set(combinations.map(({ orm }) => orm))].sort();
  const databases = [...new Set(combinations.map(({ database }) => database))].sort(byRow);
  const rows = databases.map((database) => [
    database,
    ...orms.map((orm) =>
      cellOf(
        combinations.filter((it) => it.orm === orm && it.database === database),
        all,
      ),
    ),
  ]);
  const lines = [[title, ...orms], ['---', ...orms.map(() => '---')], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function byRow(a, b) {
  const rank = (name) => (DATABASES.includes(name) ? DATABASES.indexOf(name) : DATABASES.length);
  return rank(a) - rank(b) || a.localeCompare(b);
}

function cellOf(combinations, all) {
  if (combinations.length === 0) return 'not there';
  const entries = combinations.map(({ variant, sections, passed }) => {
    const left = [...all].filter((section) => !sections.has(section)).sort();
    const without = left.length === 0 ? 'all' : `all but *${left.join('*, *')}*`;
    return `${variant === '' ? '' : `${variant}: `}${without}, ${roundDown(passed)}+`;
  });
  return entries.sort().join('; ');
}

function roundDown(count) {
  return count - (count % (count < 100 ? 10 : 50));
}

function withoutCounts(matrix) {
  return matrix.replaceAll(/\d+\+/g, 'n');
}

function countsOf(matrix) {
  return [...matrix.matchAll(/(\d+)\+/g)].map(([, count]) => Number(count));
}

/** The table of a page, and where it begins and ends. */
function matrixOf(page) {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('docs/databases.md has no place for the table');
  return [page.slice(begin, end + END.length), begin, end + END.length];
}
