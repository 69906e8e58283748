import { beforeAll, describe, expect, it } from 'vitest';
import {
  type CallSite,
  formatReport,
  recordCallSites,
  SINGLE_FAULTS,
  simulate,
  simulateSingleFault,
  singleFaultScenario,
} from '../src/index.js';

describe('one fault at every store call of a six-operation run', () => {
  let sites: readonly CallSite[] = [];

  beforeAll(async () => {
    sites = await recordCallSites();
  });

  it('lists the calls of a run that goes through all six operations', async () => {
    const { stats } = await simulate(singleFaultScenario(null));
    expect(stats.runs).toBe(2);
    expect(stats.bodies).toBe(5);
    expect(new Set(sites.map(({ method }) => method))).toEqual(
      new Set([
        'migrate',
        'heartbeat',
        'takeOver',
        'claim',
        'purge',
        'receive',
        'createRuns',
        'commit',
        'history',
        'signal',
        'takeTasks',
        'completeTasks',
        'releaseWorker',
        'close',
      ]),
    );
    expect(sites.length).toBeGreaterThan(50);
  });

  it.each(SINGLE_FAULTS)('%s', { timeout: 60_000 }, async (kind) => {
    let hit = 0;
    for (const site of sites) {
      const result = await simulateSingleFault(site, kind);
      hit += result.faults.length;
      if (result.violations.length > 0) expect.fail(formatReport(result));
    }
    expect(hit).toBe(sites.length);
  });
});
