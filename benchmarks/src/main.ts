/**
 * Runs every scenario (or those named as arguments), prints a table and writes `results.json`.
 *
 * `main.js [scenario …] [--database <name>]… [--orm <name>]… [--quick]`
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { stopServers } from './databases/servers.js';
import { isWanted, type Options, readCommandLine } from './options.js';
import { type Figure, printTable } from './report.js';
import { databases } from './scenarios/databases.js';
import { fleet } from './scenarios/fleet.js';
import { largeRuns } from './scenarios/large-runs.js';
import { latency } from './scenarios/latency.js';
import { massRecovery } from './scenarios/mass-recovery.js';
import { recovery } from './scenarios/recovery.js';
import { remote } from './scenarios/remote.js';
import { sleepers } from './scenarios/sleepers.js';
import { throughput } from './scenarios/throughput.js';

const scenarios: Readonly<Record<string, (options: Options) => Promise<readonly Figure[]>>> = {
  throughput,
  latency,
  largeRuns,
  sleepers,
  recovery,
  databases,
  fleet,
  massRecovery,
  remote,
};

const options = readCommandLine(process.argv.slice(2));
const unknown = options.scenarios.filter((name) => !(name in scenarios));
if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}`);

const figures: Figure[] = [];
try {
  for (const [name, run] of Object.entries(scenarios)) {
    if (!isWanted(name, options.scenarios)) continue;
    process.stdout.write(`${name} …\n`);
    figures.push(...(await run(options)));
  }
} finally {
  await stopServers();
}
printTable(figures);
if (!options.quick) {
  const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model };
  writeFileSync(
    'results.json',
    `${JSON.stringify({ at: new Date().toISOString(), machine, figures }, null, 2)}\n`,
  );
  process.stdout.write('\nWritten to results.json.\n');
}
