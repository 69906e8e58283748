// Writes the table of docs/databases.md from the JSON report of the last run, which has to be one of all tests.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCombinations, renderMatrix, replaceMatrix } from './test-matrix.mjs';
import { rootDir } from './workspace.mjs';

const page = join(rootDir, 'docs/databases.md');
const report = JSON.parse(readFileSync(join(rootDir, '.tmp/vitest.json'), 'utf8'));
const combinations = readCombinations([report]);
const unproven = combinations.filter(({ notPassed }) => notPassed > 0);
for (const { suite, orm, variant, database, notPassed } of unproven) {
  console.error(`${suite}: ${orm} ${variant} on ${database}: ${notPassed} tests have not passed`);
}
if (unproven.length > 0) process.exitCode = 1;
else {
  writeFileSync(page, replaceMatrix(readFileSync(page, 'utf8'), renderMatrix(combinations)));
  console.log(`docs/databases.md: ${combinations.length} combinations`);
}
