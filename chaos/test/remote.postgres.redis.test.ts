/**
 * The same with remote steps: workers in Node and in Python, and a Redis that is killed, emptied and cut off. `pnpm chaos
 * --remote --minutes 60` is the same for longer.
 */
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { canCrash } from '../../scripts/services/crashable-server.mjs';
import {
  MissingPythonError,
  makePythonEnvironment,
} from '../../scripts/services/python-environment.mjs';
import { runChaos } from '../src/chaos.js';
import { NO_FAULTS, REMOTE_SMOKE_FAULTS } from '../src/driver/plan.js';
import { formatReport } from '../src/report.js';

const TIMEOUT_MS = 600_000;
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 2 ** 32);
const isMissing =
  inject('postgresUrl') === undefined ||
  inject('redisUrl') === undefined ||
  (!process.env.CI && !(canCrash('postgres') && canCrash('redis')));

describe.skipIf(isMissing)('chaos with remote steps', { timeout: TIMEOUT_MS }, () => {
  let python: string | undefined;

  beforeAll(async () => {
    try {
      python = await makePythonEnvironment();
    } catch (error) {
      if (!(error instanceof MissingPythonError) || process.env.CI === 'true') throw error;
      console.warn(`Without a worker in Python. ${error.message}`);
    }
  }, TIMEOUT_MS);

  test('without faults every step runs exactly once, and nothing is dispatched twice', async () => {
    const report = await runChaos({
      ...{ seed, store: 'drizzle-postgres', faults: NO_FAULTS, cutRate: 0, wrongClocks: false },
      load: { runsPerSecond: 8, cancelsPerMinute: 0, durationMs: 15_000, leastRuns: 100 },
      remote: { python },
      healMs: 60_000,
      say: console.log,
    });
    console.log(formatReport(report));
    expect(report).toMatchObject({
      ...{ violations: [], invalid: [], repeatedCalls: 0, redispatches: 0, brokenOff: 0 },
      ...{ takeOvers: 0, leasesLost: 0, staleWritesRefused: 0, staleWritesAccepted: 0 },
    });
    expect(report.runs).toBeGreaterThanOrEqual(100);
  });

  test('with all that can happen to Redis and workers no invariant is violated', async () => {
    const report = await runChaos({
      ...{ seed, store: 'drizzle-postgres', faults: REMOTE_SMOKE_FAULTS, cutRate: 0.01 },
      wrongClocks: true,
      load: { runsPerSecond: 10, cancelsPerMinute: 5, durationMs: 110_000, leastRuns: 1_000 },
      remote: { python },
      healMs: 120_000,
      say: console.log,
    });
    console.log(formatReport(report));
    expect(report).toMatchObject({ violations: [], invalid: [], staleWritesAccepted: 0 });
    expect(report.runs).toBeGreaterThanOrEqual(1_000);
    expect(report.brokenOff).toBeGreaterThan(0);
    expect(report.redispatches).toBeGreaterThan(0);
    expect(report.faults.redisCut).toBeGreaterThan(0);
  });
});
