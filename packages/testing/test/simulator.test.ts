import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  drawScenario,
  formatReport,
  formatScenario,
  isFaultFree,
  type Scenario,
  simulate,
  simulateSeed,
} from '../src/index.js';

interface Regression {
  /** What was wrong. */
  readonly reason: string;
  readonly scenario: Scenario;
}

const regressions = JSON.parse(
  readFileSync(new URL('../sim/regressions.json', import.meta.url), 'utf8'),
) as readonly Regression[];

describe('scenarios that once broke an invariant', () => {
  it.each(regressions)('$reason', async ({ scenario }) => {
    const result = await simulate(scenario);
    if (result.violations.length > 0) expect.fail(formatReport(result));
  });
});

describe('a world is decided by its scenario', { timeout: 60_000 }, () => {
  it('two runs of one seed are the same to the last event', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const [one, other] = [await simulateSeed(seed), await simulateSeed(seed)];
      expect({ seed, hash: other.hash, steps: other.steps }).toEqual({
        seed,
        hash: one.hash,
        steps: one.steps,
      });
    }
  });

  it('a printed scenario is the scenario', async () => {
    const scenario = drawScenario(11);
    const printed = JSON.parse(formatScenario(scenario)) as Scenario;
    expect((await simulate(printed)).hash).toBe((await simulate(scenario)).hash);
  });

  it('other seeds are other worlds', async () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) hashes.add((await simulateSeed(seed)).hash);
    expect(hashes.size).toBe(20);
  });
});

describe('what the seeds are made of', () => {
  const scenarios = Array.from({ length: 400 }, (_, i) => drawScenario(i + 1));

  it('some worlds are without faults, most are not', () => {
    const calm = scenarios.filter(isFaultFree).length;
    expect(calm).toBeGreaterThan(40);
    expect(calm).toBeLessThan(120);
  });

  it('every kind of fault and of operation is drawn', () => {
    const text = JSON.stringify(scenarios);
    const wanted = [
      ...['errorBefore', 'executeThenError', 'serialization', 'delay', 'connectionDrop'],
      ...['crashBeforeExecute', 'crashAfterExecute', 'crashAfterReply', 'pauseAtExecute'],
      ...['pauseAtReply', 'drop', 'duplicate', 'late', 'forge', 'crash', 'pause', 'drain'],
      ...['clockJump', 'step', 'remote', 'sleep', 'signal', 'child', 'pure', 'group', 'try'],
      ...['loop', 'choice', 'winnerLoop', 'detach', 'throw', 'all', 'race', 'any', 'allSettled'],
      ...['ctxAll', 'ctxRace', 'ctxMap', 'ctxScope', 'flaky', 'fails', 'fatal', 'hangs'],
      ...['cancel', 'terminate', 'retry', 'wait', 'read'],
    ];
    expect(wanted.filter((word) => !text.includes(`"${word}"`))).toEqual([]);
  });
});
