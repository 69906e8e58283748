// Counts what the test runs of this `check` really did, and refuses a skip nobody gave a reason
// for, and a table in the docs that says otherwise. `--count` only prints the closing line.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readExcuses } from './services/missing-service.mjs';
import { matrixProblems, readCombinations } from './test-matrix.mjs';
import { countTests, problemsOf, reasonOf } from './test-report.mjs';
import { rootDir } from './workspace.mjs';

const reports = ['.tmp/vitest.json', '.tmp/vitest-compat.json']
  .map((path) => join(rootDir, path))
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')));
const { passed, failed, skips } = countTests(reports, rootDir);
const excuses = readExcuses();

if (!process.argv.includes('--count')) {
  const allowed = JSON.parse(readFileSync(join(import.meta.dirname, 'allowed-skips.json'), 'utf8'));
  const reasons = skips.map((skip) => reasonOf(skip, { allowed, excuses }));
  for (const [i, { file, test }] of skips.entries()) {
    console.log(`skipped: ${file} > ${test}${reasons[i] ? ` (${reasons[i]})` : ''}`);
  }
  const page = readFileSync(join(rootDir, 'docs/databases.md'), 'utf8');
  const problems = [
    ...problemsOf({ passed, reasons, isCi: process.env.CI === 'true' }),
    ...matrixProblems(page, readCombinations(reports)),
  ];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

for (const [name, excuse] of Object.entries(excuses))
  console.log(`NOT TESTED on ${name}: ${excuse}`);
console.log(`${passed} passed, ${failed} failed, ${skips.length} skipped`);
