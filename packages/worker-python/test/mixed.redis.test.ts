/** One step, served by a worker in Node and one in Python at once. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { bundleProcess, type ProcessBundle } from '../../../scripts/bundle-process.mjs';
import {
  type CrashableServer,
  canCrash,
  startCrashable,
} from '../../../scripts/services/crashable-server.mjs';
import { freshPrefix, TestEngine, until } from './support.js';
import { NodeWorker, PythonWorker, type WorkerProcess } from './worker-process.js';

const isPossible =
  inject('redisUrl') !== undefined && inject('python') !== undefined && canCrash('redis');

/** Less than there are tasks, so that no worker can take them all. */
const CONCURRENCY = 5;
const OUTAGE_MS = 20_000;

describe.skipIf(!isPossible)('workers in Node and in Python on one queue', () => {
  let program: ProcessBundle;
  let server: CrashableServer;
  let prefix: string;

  beforeAll(async () => {
    program = await bundleProcess(
      join(import.meta.dirname, 'payments.child.ts'),
      join(import.meta.dirname, '..'),
    );
    server = await startCrashable('redis');
  });
  afterAll(async () => {
    await server.stop();
    await program.dispose();
  });
  beforeEach(() => {
    prefix = freshPrefix();
  });

  async function startWorkers(): Promise<readonly [WorkerProcess, WorkerProcess]> {
    const settings = { concurrency: CONCURRENCY };
    return Promise.all([
      NodeWorker.start(program.file, server.url, prefix, settings),
      PythonWorker.start(server.url, prefix, settings),
    ]);
  }

  const startAll = (app: TestEngine, name: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => app.pay(`${name}-${n}`)));

  /** Every run has ended well, with one recorded outcome that is its own. */
  async function expectEndedOnce(app: TestEngine, name: string, runs: readonly string[]) {
    const ends = await Promise.all(runs.map((runId) => app.end(runId)));
    expect(ends.map((end) => ('output' in end ? end.output : end))).toEqual(
      runs.map((_, n) => ({ chargeId: `ch-${name}-${n}` })),
    );
    const outcomes = await Promise.all(runs.map((runId) => app.outcomes(runId)));
    expect(new Set(outcomes)).toEqual(new Set([1]));
  }

  const begun = (workers: readonly WorkerProcess[]) =>
    workers.flatMap(({ lines }) => lines.filter((line) => line.startsWith('began ')));

  // Nest logs to the standard output.
  const saysRedisIsAway = ({ errors, lines }: WorkerProcess) =>
    [errors, ...lines].some((text) => text.includes('Redis is away'));

  it('share the tasks: each runs once, in one of them', async () => {
    const workers = await startWorkers();
    const app = await TestEngine.start(server.url, prefix);
    const runs = await startAll(app, 'hold', 30);
    // Both are full, and the rest waits.
    await until(() => workers.every((worker) => worker.begun === CONCURRENCY));
    for (const worker of workers) worker.release();
    await expectEndedOnce(app, 'hold', runs);
    expect(begun(workers).toSorted()).toEqual(runs.map((_, n) => `began hold-${n} 1`).toSorted());
    await app.engine.stop();
  });

  it('and every run ends once though Redis stands still for 20 s', {
    timeout: 120_000,
  }, async () => {
    const workers = await startWorkers();
    const app = await TestEngine.start(server.url, prefix, { leaseMs: 10_000 });
    const held = await startAll(app, 'hold', 30);
    await until(() => workers.every((worker) => worker.begun === CONCURRENCY));

    // Some have been begun, some wait in Redis, and some come while it is away.
    server.freeze();
    const frozenAt = performance.now();
    for (const worker of workers) worker.release();
    const late = await startAll(app, 'late', 10);
    await until(() => workers.every(saysRedisIsAway));
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS - (performance.now() - frozenAt)));
    server.thaw();

    await expectEndedOnce(app, 'hold', held);
    await expectEndedOnce(app, 'late', late);
    expect(new Set(begun(workers).map((line) => line.split(' ')[1])).size).toBe(40);
    await app.engine.stop();
  });
});
