import { percentile, runOnce, timed } from '../measure.js';
import { type Figure, judged } from '../report.js';
import { type DatabaseBench, STEPS } from './database-bench.js';

/** Of a run: one for its creation, and one for each step. */
const COMMITS = STEPS + 1;

/** Start to result of a lone run of five steps, in turn with six raw commits and six bare inserts. */
export async function latencyOf(bench: DatabaseBench): Promise<readonly Figure[]> {
  const { engine, raw, title, goals, quick } = bench;
  const samples = quick ? 40 : 300;
  const warmUp = quick ? 10 : 50;
  const runs: number[] = [];
  const commits: number[] = [];
  const inserts: number[] = [];
  for (let sample = -warmUp; sample < samples; sample += 1) {
    const runMs = await timed(() => runOnce(engine, 'sequential', STEPS));
    const commitMs = await timed(() => repeat(() => raw.commit()));
    const insertMs = await timed(() => repeat(() => raw.insert()));
    if (sample < 0) continue;
    runs.push(runMs);
    commits.push(commitMs);
    inserts.push(insertMs);
  }
  const ratio = percentile(runs, 0.5) / percentile(commits, 0.5);
  const method = `${samples} samples after ${warmUp} of warm-up: a run, six commits and six inserts in turn`;
  const ms = (name: string, values: readonly number[], share: number): Figure => ({
    name: `${title}: ${name}, p${share * 100}`,
    value: percentile(values, share),
    unit: 'ms',
    method,
  });
  return [
    ms('lone 5-step run', runs, 0.5),
    ms('lone 5-step run', runs, 0.99),
    ms('six raw commits', commits, 0.5),
    ms('six autocommitted inserts', inserts, 0.5),
    judged(
      { name: `${title}: lone run / six raw commits`, value: ratio, unit: '', method },
      goals.loneRun,
    ),
  ];
}

async function repeat(work: () => Promise<void>): Promise<void> {
  for (let n = 0; n < COMMITS; n += 1) await work();
}
