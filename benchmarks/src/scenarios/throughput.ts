import { closedLoop, median, runOnce } from '../measure.js';
import { RawLoop } from '../raw.js';
import type { Figure } from '../report.js';
import { World } from '../world.js';

const RUNS = 2_000;
const STEPS = 5;
const IN_FLIGHT = 64;
const ROUNDS = 5;

/** 2,000 runs of 5 no-op steps, 64 in flight, against the raw loop of the same statements, interleaved. */
export async function throughput(): Promise<readonly Figure[]> {
  const world = new World();
  const engine = await world.engine();
  const raw = new RawLoop(world, IN_FLIGHT);
  const engineRates: number[] = [];
  const rawRates: number[] = [];
  await closedLoop(RUNS, IN_FLIGHT, () => runOnce(engine, 'sequential', STEPS));
  for (let round = 0; round < ROUNDS; round += 1) {
    rawRates.push(rawRate(raw));
    const ms = await closedLoop(RUNS, IN_FLIGHT, () => runOnce(engine, 'sequential', STEPS));
    engineRates.push((RUNS * STEPS * 1_000) / ms);
  }
  raw.close();
  await engine.stop();
  world.remove();
  const steps = median(engineRates);
  const ratio = median(engineRates.map((rate, round) => rate / (rawRates[round] ?? Number.NaN)));
  const method = `${ROUNDS} rounds after a warm-up, median; ${RUNS} runs x ${STEPS} steps, ${IN_FLIGHT} in flight`;
  return [
    {
      name: 'steps/s at 64 in flight',
      value: steps,
      unit: 'steps/s',
      goal: '>= 15,000',
      holds: steps >= 15_000,
      method,
    },
    {
      name: 'raw batched loop, same statements',
      value: median(rawRates),
      unit: 'turns/s',
      method: `${IN_FLIGHT} turns a transaction, interleaved with the engine's rounds`,
    },
    {
      name: 'engine / raw loop',
      value: ratio,
      unit: '',
      goal: '>= 0.33',
      holds: ratio >= 1 / 3,
      method: 'median of the ratio of each round',
    },
  ];
}

function rawRate(raw: RawLoop): number {
  const turns = Math.ceil((RUNS * STEPS) / IN_FLIGHT);
  const began = performance.now();
  for (let turn = 0; turn < turns; turn += 1) raw.turn();
  return (turns * IN_FLIGHT * 1_000) / (performance.now() - began);
}
