// What the test runs really did, from Vitest's JSON reports.
import { relative } from 'node:path';

/**
 * Counts tests, and collects those that were skipped.
 *
 * @param {readonly object[]} reports
 * @param {string} rootDir
 * @returns {{ passed: number, failed: number, skips: { file: string, test: string }[] }}
 */
export function countTests(reports, rootDir) {
  const count = { passed: 0, failed: 0, skips: [] };
  for (const { status, assertionResults, name } of reports.flatMap(
    (report) => report.testResults,
  )) {
    // A file that could not be loaded has no assertions, and is a failure all the same.
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
      count.failed += 1;
    }
    for (const test of assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') count[test.status] += 1;
      else count.skips.push({ file: relative(rootDir, name), test: test.fullName });
    }
  }
  return count;
}

/**
 * Why a test was skipped: because of an entry of allowed-skips.json, or because a server in the file's name has an
 * excuse for not being there.
 *
 * @param {{ readonly file: string, readonly test: string }} skip
 * @param {{ allowed: readonly { test: string, reason: string }[], excuses: Readonly<Record<string, string>> }} reasons
 * @returns {string | undefined} undefined: nobody gave a reason
 */
export function reasonOf({ file, test }, { allowed, excuses }) {
  const entry = allowed.find((allowance) => `${file} > ${test}`.startsWith(allowance.test));
  if (entry?.reason) return entry.reason;
  const missing = Object.keys(excuses).find((name) => file.includes(`.${name}.`));
  return missing && `no ${missing}: ${excuses[missing]}`;
}

/**
 * What is wrong with a run in which no test failed.
 *
 * @param {{ readonly passed: number, readonly reasons: readonly (string | undefined)[], readonly isCi: boolean }} run
 *   reasons: of every skipped test
 * @returns {string[]}
 */
export function problemsOf({ passed, reasons, isCi }) {
  const problems = [];
  const unexplained = reasons.filter((reason) => reason === undefined).length;
  if (unexplained > 0 && isCi) {
    problems.push(
      `${unexplained} skipped tests without a reason. Make them run, or list them in scripts/allowed-skips.json with a reason.`,
    );
  }
  if (passed === 0) {
    problems.push('no test passed: did the test runs write .tmp/vitest*.json?');
  }
  return problems;
}
