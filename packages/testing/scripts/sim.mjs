// Runs the deterministic simulator from the command line.
//
//   node scripts/sim.mjs --seed N [--lines 200]        one seed, with its log
//   node scripts/sim.mjs --scenario FILE [--lines 200] one scenario, as a report prints it
//   node scripts/sim.mjs --seeds 100000 [--from N]     many seeds; stops at --failures (default 1), shrunk
//   node scripts/sim.mjs --exhaustive                  every single fault of the fixed workflow
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import './source-hooks.mjs';

const sim = await import('../src/simulator/index.ts');

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    scenario: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    failures: { type: 'string', default: '1' },
    lines: { type: 'string', default: '80' },
    exhaustive: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
});
const lines = Number(values.lines);
const keepLines = Math.max(400, lines);

if (values.seed !== undefined)
  await showOne(await sim.simulateSeed(Number(values.seed), { keepLines }));
else if (values.scenario !== undefined)
  await showOne(
    await sim.simulate(JSON.parse(readFileSync(values.scenario, 'utf8')), { keepLines }),
  );
else if (values.exhaustive) await exhaust();
else await runMany(Number(values.seeds ?? 1_000), Number(values.from), Number(values.failures));

async function showOne(result) {
  console.log(sim.formatReport(result, { lines }));
  const { runs, events, bodies, activations, signals } = result.stats;
  console.log(
    `${result.virtualMs} virtual ms; ${runs} runs, ${events} events, ${bodies} bodies, ${activations} activations, ${signals} signals`,
  );
  process.exitCode = result.violations.length === 0 ? 0 : 1;
}

async function report(result) {
  const shrunk = values['no-shrink'] ? undefined : await sim.shrink(result, { keepLines });
  console.log(sim.formatReport(result, { lines, shrunk }));
}

async function runMany(count, from, most) {
  const startedAt = performance.now();
  let steps = 0;
  let failed = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await sim.simulateSeed(seed, { keepLines });
    steps += result.steps;
    if (result.violations.length > 0) {
      failed += 1;
      await report(result);
      if (failed >= most) break;
    }
    if ((seed - from) % 1_000 === 999) progress(seed - from + 1);
  }
  progress(count);
  process.exitCode = failed === 0 ? 0 : 1;

  function progress(done) {
    const seconds = (performance.now() - startedAt) / 1_000;
    console.log(
      `${done} seeds, ${steps} steps, ${failed} failed, ${(done / seconds).toFixed(0)} seeds/s`,
    );
  }
}

async function exhaust() {
  const sites = await sim.recordCallSites();
  let failed = 0;
  for (const site of sites) {
    for (const kind of sim.SINGLE_FAULTS) {
      const result = await sim.simulateSingleFault(site, kind, { keepLines });
      if (result.violations.length === 0) continue;
      failed += 1;
      console.log(`${kind} at ${site.method}#${site.ordinal} of p${site.instance}`);
      console.log(sim.formatReport(result, { lines }));
      if (failed >= Number(values.failures)) process.exit(1);
    }
  }
  console.log(`${sites.length} calls x ${sim.SINGLE_FAULTS.length} faults, ${failed} failed`);
}
