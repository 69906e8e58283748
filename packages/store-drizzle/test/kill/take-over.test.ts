/** Two processes on one database, with a short lease and in real time. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { only } from './ledger.js';
import { type Bench, createRig, openBench, type Rig } from './rig.js';
import { expectSound } from './verdict.js';

const TIMEOUT_MS = 60_000;
/** Three heartbeats: short, and long enough for a busy machine. */
const LEASE_MS = 1_000;

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
}, TIMEOUT_MS);
afterAll(() => rig.dispose());

/** Waits until the process has begun to work. */
async function begun(bench: Bench, life: number): Promise<void> {
  const isBegun = () => only(bench.readLedger(), 'started').some((entry) => entry.life === life);
  await vi.waitUntil(isBegun, { timeout: TIMEOUT_MS, interval: 10 });
}

function leases(bench: Bench): readonly number[] {
  const text =
    'select lease_until from durable_workers where dead_at is null order by registered_at';
  return bench.database
    .prepare<[], { lease_until: number }>(text)
    .all()
    .map(({ lease_until }) => lease_until);
}

describe.concurrent('take-over', { timeout: TIMEOUT_MS }, () => {
  it('leaves the runs of a live process alone, and takes those of a killed one after its lease', async ({
    onTestFinished,
  }) => {
    const bench = await openBench(rig, { scenario: 'order', leaseMs: LEASE_MS }, onTestFinished);
    const first = bench.start({ life: 1, clockAheadMs: 0, stopAt: 'in charge' });
    await first.stopped;
    const second = bench.start({ life: 2, clockAheadMs: 0, stopAt: null });
    await begun(bench, 2);
    const [held = 0] = leases(bench);
    // The lease that was held when the second process came is over, and has been renewed.
    const isRenewed = () => (leases(bench)[0] ?? 0) > held + LEASE_MS;
    await vi.waitUntil(isRenewed, { timeout: TIMEOUT_MS, interval: 10 });
    expect(only(bench.readLedger(), 'begin').filter(({ life }) => life === 2)).toEqual([]);

    first.kill();
    expect(await second.ended).toEqual({ code: 0, signal: null, errors: '' });
    expectSound('order', { ...bench, ledger: bench.readLedger() }, ['charge/1']);
  });

  it('wakes a sleeping run of a killed process when it is due, and not before', async ({
    onTestFinished,
  }) => {
    const sleepMs = 2_000;
    const bench = await openBench(
      rig,
      { scenario: 'order', sleepMs, leaseMs: LEASE_MS },
      onTestFinished,
    );
    const stopAt = 'acked commit [charge, sleep scheduled, suspended]';
    const first = bench.start({ life: 1, clockAheadMs: 0, stopAt });
    await first.stopped;
    first.kill();
    const second = bench.start({ life: 2, clockAheadMs: 0, stopAt: null });
    expect(await second.ended).toEqual({ code: 0, signal: null, errors: '' });
    const ledger = bench.readLedger();
    expectSound('order', { ...bench, ledger }, []);
  });

  it('lets a process that was frozen beyond its lease write nothing', async ({
    onTestFinished,
  }) => {
    const bench = await openBench(rig, { scenario: 'order', leaseMs: LEASE_MS }, onTestFinished);
    const stopAt = 'before commit [charge, sleep scheduled, suspended]';
    const first = bench.start({ life: 1, clockAheadMs: 0, stopAt });
    await first.stopped;
    const second = bench.start({ life: 2, clockAheadMs: 0, stopAt: null });
    expect(await second.ended).toEqual({ code: 0, signal: null, errors: '' });

    first.release();
    expect(await first.ended).toMatchObject({ code: 0, signal: null });
    const ledger = bench.readLedger();
    expectSound('order', { ...bench, ledger }, ['charge/1']);
    expect(only(ledger, 'result').map(({ life }) => life)).toEqual([2, 1]);
    const acked = only(ledger, 'acked').filter(({ life }) => life === 1);
    expect(acked.map(({ step }) => step)).toEqual(['reserve']);
  });
});
