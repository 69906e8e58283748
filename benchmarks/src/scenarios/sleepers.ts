import { closedLoop, heapInUse, runOnce } from '../measure.js';
import type { Figure } from '../report.js';
import { World } from '../world.js';

const SLEEPERS = 10_000;
const ASLEEP_MS = 25_000;

/** 10,000 sleepers due at one instant: the heap they hold while asleep, and the time until the last has ended. */
export async function sleepers(): Promise<readonly Figure[]> {
  const world = new World();
  const engine = await world.engine({ worker: { residentIdle: 500 } });
  await closedLoop(200, 64, () => runOnce(engine, 'sleeper', new Date()));
  await gone(() => engine.residentRuns === 0);
  const before = heapInUse();
  const due = new Date(Date.now() + ASLEEP_MS);
  const startMs = await closedLoop(SLEEPERS, 64, async () => {
    await engine.startRun('sleeper', due);
  });
  await gone(() => engine.residentRuns === 0);
  const perRun = (heapInUse() - before) / SLEEPERS;
  const evictedAt = Date.now();
  await gone(
    async () =>
      (await engine.listRuns({ status: ['pending', 'running', 'suspended'], limit: 1 })).runs
        .length === 0,
  );
  const drainMs = Date.now() - due.getTime();
  await engine.stop();
  world.remove();
  const method = `${SLEEPERS} runs that sleep until one instant`;
  return [
    {
      name: 'sleeping run, heap after eviction',
      value: perRun,
      unit: 'bytes',
      goal: '< 100',
      holds: perRun < 100 && evictedAt < due.getTime(),
      method: `${method}; heap after full collections, less the heap before`,
    },
    { name: 'starting 10,000 sleepers', value: startMs, unit: 'ms', method },
    {
      name: 'drain of 10,000 due at once',
      value: drainMs,
      unit: 'ms',
      method: `${method}; from the due time to the end of the last`,
    },
  ];
}

async function gone(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
