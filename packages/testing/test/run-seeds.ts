import { describe, expect, it } from 'vitest';
import { formatReport, shrink, simulateSeed } from '../src/index.js';

/** Seeds of one test: small enough to name, large enough to cost no overhead. */
const CHUNK = 100;

/** Declares tests that run the seeds [from, from + count) and report the first that breaks an invariant, shrunk. */
export function describeSeeds(from: number, count: number): void {
  describe(`random seeds ${from} to ${from + count - 1}`, () => {
    for (let first = from; first < from + count; first += CHUNK) {
      const last = Math.min(first + CHUNK, from + count) - 1;
      it(`hold every invariant: ${first} to ${last}`, { timeout: 120_000 }, async () => {
        for (let seed = first; seed <= last; seed += 1) {
          const result = await simulateSeed(seed);
          if (result.violations.length === 0) continue;
          const shrunk = await shrink(result, { budget: 150 });
          expect.fail(formatReport(result, { shrunk }));
        }
      });
    }
  });
}
