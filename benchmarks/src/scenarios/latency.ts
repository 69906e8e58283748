import { percentile, runOnce } from '../measure.js';
import { RawLoop } from '../raw.js';
import type { Figure } from '../report.js';
import { World } from '../world.js';

const SAMPLES = 300;
const STEPS = 5;

/** Start-to-result time of a lone 5-step run, against six raw commits, one after the other in turn. */
export async function latency(): Promise<readonly Figure[]> {
  const world = new World();
  const engine = await world.engine();
  const raw = new RawLoop(world, 1);
  const runs: number[] = [];
  const commits: number[] = [];
  for (let sample = -20; sample < SAMPLES; sample += 1) {
    const commitMs = timed(() => {
      for (let commit = 0; commit <= STEPS; commit += 1) raw.turn();
    });
    const began = performance.now();
    await runOnce(engine, 'sequential', STEPS);
    const runMs = performance.now() - began;
    if (sample < 0) continue;
    commits.push(commitMs);
    runs.push(runMs);
  }
  raw.close();
  await engine.stop();
  world.remove();
  const ratio = percentile(runs, 0.5) / percentile(commits, 0.5);
  const method = `${SAMPLES} samples after 20 of warm-up, a run and six commits in turn`;
  return [
    { name: 'lone 5-step run, p50', value: percentile(runs, 0.5), unit: 'ms', method },
    { name: 'lone 5-step run, p99', value: percentile(runs, 0.99), unit: 'ms', method },
    { name: 'six raw commits, p50', value: percentile(commits, 0.5), unit: 'ms', method },
    {
      name: 'lone run / six raw commits',
      value: ratio,
      unit: '',
      goal: '<= 3',
      holds: ratio <= 3,
      method,
    },
  ];
}

function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
