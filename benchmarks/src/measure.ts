/** How figures are taken: closed loops, percentiles, the heap. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DurableEngine } from '@dudousxd/nestjs-durable-core';

/** Runs `total` tasks, `inFlight` at a time; each of `inFlight` lanes starts its next task when its last has ended. */
export async function closedLoop(
  total: number,
  inFlight: number,
  task: (n: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const began = performance.now();
  const lane = async () => {
    while (next < total) {
      next += 1;
      await task(next);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return performance.now() - began;
}

/** Starts a run and waits for its end; returns its id. */
export async function runOnce(
  engine: DurableEngine,
  workflow: string,
  input: unknown,
): Promise<string> {
  const { runId } = await engine.startRun(workflow, input);
  const result = await engine.waitForRun(runId);
  if (result.status !== 'completed') throw new Error(`${workflow} ended ${result.status}`);
  return runId;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Heap in use after full collections. */
export function heapInUse(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
