/** What a failed simulation says to a person. */
import type { Scenario } from './scenario.js';
import type { SimulationResult } from './simulate.js';

export interface ReportOptions {
  /** Lines of the event log. @default 60 */
  readonly lines?: number;
  /** The smallest scenario found that fails in the same way. */
  readonly shrunk?: SimulationResult | undefined;
}

/** Seed, violations, faults, the end of the log, and how to see it again. */
export function formatReport(
  result: SimulationResult,
  { lines = 60, shrunk }: ReportOptions = {},
): string {
  const shown = shrunk ?? result;
  const { seed } = result.scenario;
  return [
    `seed ${seed}: ${formatViolations(result)}`,
    `again: node scripts/sim.mjs --seed ${seed}   (in packages/testing, with Node 22.18 or later)`,
    shrunk === undefined ? '' : `shrunk: ${formatViolations(shrunk)}`,
    `faults (${shown.faults.length}): ${shown.faults.map(({ id, text }) => `${id} ${text}`).join('; ') || 'none'}`,
    `scenario: ${formatScenario(shown.scenario)}`,
    `log (${shown.steps} steps, hash ${shown.hash}):`,
    shown.tail(lines),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function formatViolations({ violations }: SimulationResult): string {
  if (violations.length === 0) return 'every invariant holds';
  return violations.map(({ invariant, message }) => `${invariant}: ${message}`).join('\n  ');
}

/** A scenario as JSON that `sim.mjs --scenario` reads. */
export function formatScenario(scenario: Scenario): string {
  return JSON.stringify(scenario);
}
