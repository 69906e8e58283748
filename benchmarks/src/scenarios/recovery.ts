import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Figure } from '../report.js';
import { World } from '../world.js';

const RUNS = 500;
const LEASE_MS = 2_000;

/** 500 runs in flight in another process, which is killed: the time until all have ended here. */
export async function recovery(): Promise<readonly Figure[]> {
  const world = new World();
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('../victim.js', import.meta.url)),
      world.folder,
      String(RUNS),
      String(LEASE_MS),
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the victim ended by itself with ${code}`)));
  });
  child.removeAllListeners('exit');
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const killedAt = performance.now();
  const engine = await world.engine({ worker: { lease: LEASE_MS } });
  const unfinished = async () =>
    (await engine.listRuns({ status: ['pending', 'running', 'suspended'], limit: 1 })).runs.length;
  while ((await unfinished()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const ms = performance.now() - killedAt;
  const completed = await countCompleted(engine);
  await engine.stop();
  world.remove();
  if (completed !== RUNS) throw new Error(`${completed} of ${RUNS} runs completed`);
  return [
    {
      name: 'recovery of 500 runs after SIGKILL',
      value: ms,
      unit: 'ms',
      method: `from the death of the process to the end of the last run; the lease is ${LEASE_MS} ms of it, and the five steps of 20 ms`,
    },
  ];
}

async function countCompleted(engine: Awaited<ReturnType<World['engine']>>): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof engine.listRuns>> = await engine.listRuns(
      { status: 'completed', limit: 200 },
      cursor,
    );
    count += page.runs.length;
    cursor = page.cursor;
  } while (cursor !== null);
  return count;
}
