/**
 * Real processes on a real database, and everything that can happen to them. `pnpm chaos --minutes 60` is the same for
 * longer. A failure says in its first line of output with which seed; the evidence stays in `.tmp`.
 */
import { describe, expect, inject, test } from 'vitest';
import { canCrash } from '../../scripts/services/crashable-server.mjs';
import { runChaos } from '../src/chaos.js';
import { NO_FAULTS, SMOKE_FAULTS } from '../src/driver/plan.js';
import { runPairs } from '../src/pairs.js';
import { formatReport } from '../src/report.js';

const TIMEOUT_MS = 600_000;
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 2 ** 32);
const isMissing = inject('postgresUrl') === undefined || (!canCrash('postgres') && !process.env.CI);

describe.skipIf(isMissing)('chaos on PostgreSQL', { timeout: TIMEOUT_MS }, () => {
  test('without faults every step runs exactly once, and nobody takes anything over', async () => {
    const report = await runChaos({
      ...{ seed, store: 'drizzle-postgres', faults: NO_FAULTS, cutRate: 0, wrongClocks: false },
      load: { runsPerSecond: 10, cancelsPerMinute: 10, durationMs: 20_000, leastRuns: 150 },
      healMs: 60_000,
      say: console.log,
    });
    console.log(formatReport(report));
    expect(report).toMatchObject({
      ...{ violations: [], invalid: [], repeatedCalls: 0, takeOvers: 0, leasesLost: 0 },
      ...{ staleWritesRefused: 0, staleWritesAccepted: 0, repeatedRequests: 0 },
    });
    expect(report.runs).toBeGreaterThanOrEqual(150);
  });

  test('with everything that can go wrong no invariant is violated', async () => {
    const report = await runChaos({
      ...{ seed, store: 'drizzle-postgres', faults: SMOKE_FAULTS, cutRate: 0.01 },
      wrongClocks: true,
      load: { runsPerSecond: 10, cancelsPerMinute: 5, durationMs: 110_000, leastRuns: 1_000 },
      healMs: 120_000,
      say: console.log,
    });
    console.log(formatReport(report));
    expect(report).toMatchObject({ violations: [], invalid: [], staleWritesAccepted: 0 });
    expect(report.staleWritesRefused).toBeGreaterThan(0);
    expect(report.runs).toBeGreaterThanOrEqual(1_000);
    expect(report.faults.kill).toBeGreaterThanOrEqual(20);
    expect(report.faults.pause).toBeGreaterThanOrEqual(5);
    expect(report.faults.database).toBeGreaterThanOrEqual(3);
  });

  test('2,000 signals and waits from two processes that are killed find each other, once each', async () => {
    const { violations, kills, tookMs } = await runPairs({
      ...{ seed, store: 'drizzle-postgres', pairs: 2_000, concurrency: 32 },
      ...{ killEveryMs: 1_500, healMs: 60_000 },
    });
    console.log(`seed ${seed}: 2000 pairs, ${kills} kills, ${tookMs} ms`);
    expect(violations).toEqual([]);
    expect(kills).toBeGreaterThan(0);
  });
});
