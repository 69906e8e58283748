import { median, runOnce } from '../measure.js';
import type { Figure } from '../report.js';
import { World } from '../world.js';

const LENGTHS = [500, 1_000, 2_000, 10_000] as const;
const ROUNDS = 3;

/** One run of many sequential steps, and one of 1,000 parallel steps: the cost has to grow with the steps, no faster. */
export async function largeRuns(): Promise<readonly Figure[]> {
  const world = new World();
  const engine = await world.engine();
  await runOnce(engine, 'sequential', 500);
  const figures: Figure[] = [];
  const times = new Map<number, number>();
  for (const steps of LENGTHS) {
    const ms = await measure(() => runOnce(engine, 'sequential', steps));
    times.set(steps, ms);
    figures.push({
      name: `one run of ${steps} steps`,
      value: ms,
      unit: 'ms',
      method: `median of ${ROUNDS}, alone`,
    });
  }
  const growth = (times.get(10_000) ?? Number.NaN) / (times.get(1_000) ?? Number.NaN);
  figures.push({
    name: '10,000 steps / 1,000 steps',
    value: growth,
    unit: 'x',
    goal: '<= 12',
    holds: growth <= 12,
    method: 'ratio of the two medians',
  });
  const parallelMs = await measure(() => runOnce(engine, 'parallel', 1_000));
  figures.push({
    name: 'one run of 1,000 parallel steps',
    value: parallelMs,
    unit: 'ms',
    method: `median of ${ROUNDS}, alone`,
  });
  await engine.stop();
  world.remove();
  return figures;
}

async function measure(task: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    await task();
    times.push(performance.now() - began);
  }
  return median(times);
}
