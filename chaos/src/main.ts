/** The command line. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.js';
import { faultsFor, NO_FAULTS } from './driver/plan.js';
import { formatReport } from './report.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    report: { type: 'string' },
    /** Nothing goes wrong. */
    control: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
const startedAt = Date.now();
const say = (line: string): void => {
  console.log(`${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}`);
};

const report = await runChaos({
  seed,
  store: 'drizzle-postgres',
  load: { runsPerSecond: 10, cancelsPerMinute: 5, durationMs: minutes * 60_000 },
  faults: values.control ? NO_FAULTS : faultsFor(minutes),
  cutRate: values.control ? 0 : 0.01,
  wrongClocks: !values.control,
  healMs: 120_000,
  say,
});
const text = formatReport(report);
console.log(`\n${text}`);
if (values.report !== undefined)
  writeFileSync(values.report, `# Chaos, ${minutes} minutes\n\n${text}`);
const isSound = report.violations.length + report.invalid.length === 0;
if (!isSound) console.log(`The evidence is in ${report.folder}.`);
process.exitCode = isSound ? 0 : 1;
