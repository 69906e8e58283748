import { testHooks } from '@dudousxd/nestjs-durable-core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  drawScenario,
  dropEpochCheck,
  lookBeforeRecordingWait,
  type Scenario,
  type SimulateOptions,
  type SimulationResult,
  simulate,
  suspendHidesWake,
} from '../src/index.js';

/** The first broken world among the seeds 1 to `most`. */
async function find(
  most: number,
  options: SimulateOptions,
  adapt: (scenario: Scenario) => Scenario = (scenario) => scenario,
): Promise<SimulationResult | undefined> {
  for (let seed = 1; seed <= most; seed += 1) {
    const result = await simulate(adapt(drawScenario(seed)), options);
    if (result.violations.length > 0) return result;
  }
  return undefined;
}

/** Pauses that outlast the lease, at commits above all: the weather in which a stale owner writes. */
function withStaleOwners(scenario: Scenario): Scenario {
  const { processes } = scenario;
  return {
    ...scenario,
    processes: processes.length > 1 ? processes : [...processes, ...processes],
    faults: { ...scenario.faults, storeRates: { pauseAtExecute: 0.05 }, process: [] },
  };
}

describe('the simulator finds a known bug', { timeout: 120_000 }, () => {
  afterEach(() => {
    testHooks.skipDrain = false;
  });

  it('the epoch of a turn is not checked', async () => {
    const found = await find(300, { mutate: dropEpochCheck }, withStaleOwners);
    expect(found?.violations[0]?.invariant).toMatch(/^I(1|4|5)$/);
  });

  it('the mailbox is looked into before the wait is recorded', async () => {
    const found = await find(100, { mutate: lookBeforeRecordingWait });
    expect(found?.violations[0]?.invariant).toMatch(/^I(2|6|7)$/);
  });

  it('a suspend commit hides a wake', async () => {
    const found = await find(100, { mutate: suspendHidesWake });
    expect(found?.violations[0]?.invariant).toBe('I2');
  });

  it('two outcomes are delivered without draining in between', async () => {
    testHooks.skipDrain = true;
    const found = await find(100, {});
    expect(found?.violations[0]?.invariant).toMatch(/^I(2|9|14)$/);
  });
});
