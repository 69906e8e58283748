// Counts what the test runs of this `check` really did, and refuses a skip nobody gave a reason
// for. `--count` only prints the closing line.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const rootDir = join(import.meta.dirname, '..');
const reports = ['.tmp/vitest.json', '.tmp/vitest-compat.json']
  .map((path) => join(rootDir, path))
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')));

const count = { passed: 0, failed: 0, skipped: 0 };
const skips = [];
for (const { testResults } of reports) {
  for (const file of testResults) {
    // A file that could not be loaded has no assertions, and is a failure all the same.
    if (file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed')) {
      count.failed += 1;
    }
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') {
        count[test.status] += 1;
        continue;
      }
      count.skipped += 1;
      skips.push(`${relative(rootDir, file.name)} > ${test.fullName}`);
    }
  }
}

if (!process.argv.includes('--count')) {
  const allowed = JSON.parse(readFileSync(join(import.meta.dirname, 'allowed-skips.json'), 'utf8'));
  const unexplained = skips.filter(
    (skip) => !allowed.some(({ test, reason }) => reason && skip.startsWith(test)),
  );
  for (const skip of skips) {
    const entry = allowed.find(({ test }) => skip.startsWith(test));
    console.log(`skipped: ${skip}${entry ? ` (${entry.reason})` : ''}`);
  }
  if (unexplained.length > 0 && process.env.CI === 'true') {
    console.error(
      `${unexplained.length} skipped tests without a reason. Make them run, or list them in scripts/allowed-skips.json with a reason.`,
    );
    process.exitCode = 1;
  }
  if (count.passed === 0) {
    console.error('no test passed: did the test runs write .tmp/vitest*.json?');
    process.exitCode = 1;
  }
}

console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
