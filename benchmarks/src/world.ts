/** What the scenarios share: a database on a file, an engine on it, workloads, and a few helpers for figures. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  DurableEngine,
  type EngineOptions,
  type StateStore,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';

// What is measured is what runs in production: without the checks for development.
process.env.NODE_ENV ??= 'production';

/** A SQLite file of its own, removed at the end. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'durable-bench-'));
  readonly file = join(this.folder, 'bench.sqlite');
  private readonly handles: Database.Database[] = [];

  /** A store as an application makes it: over Drizzle, WAL, synchronous=FULL. */
  store(): StateStore {
    const handle = new Database(this.file);
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = FULL');
    this.handles.push(handle);
    return new DrizzleStateStore(drizzle({ client: handle }));
  }

  async engine(options: Omit<EngineOptions, 'store'> = {}): Promise<DurableEngine> {
    const engine = new DurableEngine({ store: this.store(), ...options });
    registerWorkloads(engine);
    await engine.start();
    return engine;
  }

  remove(): void {
    for (const handle of this.handles) handle.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const workloads: Readonly<Record<string, (ctx: WorkflowCtx, input: never) => Promise<unknown>>> = {
  /** `input` no-op steps, one after the other. */
  sequential: async (ctx, steps: number) => {
    let value = 0;
    for (let i = 0; i < steps; i += 1) value = await ctx.step('noop', () => value + 1);
    return value;
  },
  /** `input` no-op steps at once. */
  parallel: async (ctx, steps: number) => {
    const results = await Promise.all(
      Array.from({ length: steps }, (_, i) => ctx.step('noop', () => i)),
    );
    return results.length;
  },
  /** Asleep until the given time. */
  sleeper: async (ctx, until: Date) => {
    await ctx.sleepUntil(until);
    return 'awake';
  },
  /** Five steps of 20 ms. */
  slow: async (ctx) => {
    for (let i = 0; i < 5; i += 1) {
      await ctx.step('slow', () => new Promise((resolve) => setTimeout(resolve, 20, i)));
    }
  },
};

export function registerWorkloads(engine: DurableEngine): void {
  for (const [name, run] of Object.entries(workloads)) {
    engine.registerWorkflow({ name, version: '1', run, source: name });
  }
}

/** Runs `total` tasks, `inFlight` at a time; each of `inFlight` lanes starts its next task when its last has ended. */
export async function closedLoop(
  total: number,
  inFlight: number,
  task: (n: number) => Promise<void>,
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

/** Starts a run and waits for its end. */
export async function runOnce(
  engine: DurableEngine,
  workflow: string,
  input: unknown,
): Promise<void> {
  const { runId } = await engine.startRun(workflow, input);
  const result = await engine.waitForRun(runId);
  if (result.status !== 'completed') throw new Error(`${workflow} ended ${result.status}`);
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
