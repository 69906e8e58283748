/** The command line. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makePythonEnvironment } from '../../scripts/services/python-environment.mjs';
import { runChaos } from './chaos.js';
import { faultsFor, NO_FAULTS } from './driver/plan.js';
import { runPairs } from './pairs.js';
import { formatReport } from './report.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    report: { type: 'string' },
    /** Nothing goes wrong. */
    control: { type: 'boolean', default: false },
    /** Most steps are remote. */
    remote: { type: 'boolean', default: false },
    /** Signals and waits in pairs, and nothing else. */
    pairs: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
const startedAt = Date.now();
const say = (line: string): void => {
  console.log(`${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}`);
};

process.exitCode = (await (values.pairs === undefined ? letLoose() : exchangePairs())) ? 0 : 1;

async function letLoose(): Promise<boolean> {
  const report = await runChaos({
    ...{ seed, store: 'drizzle-postgres', healMs: 120_000, say },
    load: { runsPerSecond: 10, cancelsPerMinute: 5, durationMs: minutes * 60_000, leastRuns: 1 },
    faults: values.control ? NO_FAULTS : faultsFor(minutes, values.remote),
    cutRate: values.control ? 0 : 0.01,
    wrongClocks: !values.control,
    ...(values.remote ? { remote: { python: await makePythonEnvironment() } } : {}),
  });
  const text = formatReport(report);
  console.log(`\n${text}`);
  if (values.report !== undefined) {
    const path = resolve(process.env.INIT_CWD ?? '.', values.report);
    writeFileSync(path, `# Chaos, ${minutes} minutes\n\n${text}`);
  }
  const isSound = report.violations.length + report.invalid.length === 0;
  if (!isSound) {
    writeFileSync(join(report.folder, 'violations.txt'), `${report.violations.join('\n')}\n`);
    console.log(`All violations and the evidence are in ${report.folder}.`);
  }
  return isSound;
}

async function exchangePairs(): Promise<boolean> {
  say(`seed ${seed}`);
  const { violations, kills, tookMs } = await runPairs({
    ...{ seed, store: 'drizzle-postgres', pairs: Number(values.pairs) },
    ...{ concurrency: 32, killEveryMs: 1_500, healMs: 120_000 },
  });
  say(`${values.pairs} pairs, ${kills} kills, ${tookMs} ms, ${violations.length} violations`);
  for (const violation of violations.slice(0, 40)) console.log(violation);
  return violations.length === 0;
}
