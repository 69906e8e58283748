/** Runs every scenario (or those named as arguments), prints a table and writes `results.json`. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type Figure, printTable } from './report.js';
import { largeRuns } from './scenarios/large-runs.js';
import { latency } from './scenarios/latency.js';
import { recovery } from './scenarios/recovery.js';
import { sleepers } from './scenarios/sleepers.js';
import { throughput } from './scenarios/throughput.js';

const scenarios = { throughput, latency, largeRuns, sleepers, recovery };
const wanted = process.argv.slice(2);
const figures: Figure[] = [];
for (const [name, run] of Object.entries(scenarios)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`${name} …\n`);
  figures.push(...(await run()));
}
printTable(figures);
const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model };
writeFileSync(
  'results.json',
  `${JSON.stringify({ at: new Date().toISOString(), machine, figures }, null, 2)}\n`,
);
process.stdout.write('\nWritten to results.json.\n');
