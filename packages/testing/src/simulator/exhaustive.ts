/**
 * The exhaustive single-fault set: one fixed workflow with every kind of operation, run once without faults to list the
 * store calls it makes, then once for each pair of a call and a fault.
 */
import type { StoreFaultKind, StoreFaultSite } from './faults.js';
import { NO_FAULTS } from './faults.js';
import type { Program, StepNode } from './program.js';
import type { Scenario } from './scenario.js';
import { type SimulateOptions, type SimulationResult, simulate } from './simulate.js';

const step = (id: number, more: Partial<StepNode> = {}): StepNode => ({
  t: 'step',
  id,
  behaviour: 'ok',
  failures: 0,
  attempts: 3,
  delayMs: 20,
  bodyMs: 5,
  ...more,
});

/** Six operations: a step that fails once, a sleep, a signal, a child, a remote step, a step. */
export const SIX_OPERATIONS: Program = {
  key: 'six',
  root: {
    t: 'seq',
    nodes: [
      step(1, { behaviour: 'flaky', failures: 1 }),
      { t: 'sleep', id: 2, ms: 60 },
      { t: 'signal', id: 3, token: 'go', timeoutMs: null },
      {
        t: 'child',
        id: 4,
        style: 'call',
        closePolicy: 'cancel',
        program: {
          key: 'six.4',
          root: { t: 'seq', nodes: [step(1), { t: 'sleep', id: 2, ms: 30 }] },
        },
      },
      step(5, { t: 'remote' }),
      step(6),
    ],
  },
};

/** Every fault that one call can meet in this mode. */
export const SINGLE_FAULTS: readonly StoreFaultKind[] = [
  'errorBefore',
  'executeThenError',
  'crashBeforeExecute',
  'crashAfterExecute',
  'crashAfterReply',
  'pauseAtExecute',
  'pauseAtReply',
];

const LEASE_MS = 1_500;

/** The fixed scenario: two processes, a signal that comes late. */
export function singleFaultScenario(site: StoreFaultSite | null): Scenario {
  const options = {
    lease: LEASE_MS,
    heartbeat: LEASE_MS / 3,
    maxPoll: 200,
    residentIdle: 40,
    maxCrashes: 100,
  };
  return {
    seed: 1,
    processes: [
      { offsetMs: 40_000, drift: 0.02, worker: true, options },
      { offsetMs: -90_000, drift: -0.03, worker: true, options },
    ],
    leaseMs: LEASE_MS,
    maxPollMs: 200,
    schedule: { mode: 'uniform', changePoints: [], jumpChance: 0 },
    faultPhaseMs: 2_500,
    faults: site === null ? NO_FAULTS : { ...NO_FAULTS, sites: [site] },
    programs: [SIX_OPERATIONS],
    actions: [
      { do: 'start', atMs: 30, runId: 'six', program: 'six', copies: 1, conflict: false },
      { do: 'signal', atMs: 400, token: 'go', id: 'go-1', copies: 1 },
    ],
    drainAtEnd: true,
  };
}

/** A store call of the fault-free run. */
export interface CallSite {
  readonly instance: number;
  readonly method: string;
  readonly ordinal: number;
}

/** Lists the store calls of the fault-free run, in their order. */
export async function recordCallSites(options: SimulateOptions = {}): Promise<readonly CallSite[]> {
  const sites: CallSite[] = [];
  const onCall = (instance: number, method: string, ordinal: number) =>
    sites.push({ instance, method, ordinal });
  const result = await simulate(singleFaultScenario(null), { ...options, onCall });
  const [violation] = result.violations;
  if (violation !== undefined)
    throw new Error(`the fault-free run breaks ${violation.invariant}: ${violation.message}`);
  return sites;
}

/** Runs the fixed scenario with one fault. */
export function simulateSingleFault(
  site: CallSite,
  kind: StoreFaultKind,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  const fault = { ...site, kind, beforeMs: Math.floor(LEASE_MS * 1.5), afterMs: 0 };
  return simulate(singleFaultScenario(fault), options);
}
