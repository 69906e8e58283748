/** A scenario is everything that decides a simulated world, as plain data: drawn from a seed, or cut down by hand. */
import type { WorkerOptions } from '@dudousxd/nestjs-durable-core';
import type { SchedulePolicy } from './agenda.js';
import type { DriverAction } from './driver.js';
import {
  type FaultSpec,
  NO_FAULTS,
  type ProcessFault,
  type ProcessFaultKind,
  type StoreFaultKind,
  type TransportFaultKind,
} from './faults.js';
import { type BlockKind, drawProgram, type LeafKind, type ProgramStyle } from './generate.js';
import type { Behaviour, GroupMode, Program, SignalNode } from './program.js';
import { walkProgram } from './program.js';
import { Rng } from './random.js';
import type { ProcessSpec } from './sim-process.js';

export interface Scenario {
  readonly seed: number;
  readonly processes: readonly ProcessSpec[];
  readonly leaseMs: number;
  readonly maxPollMs: number;
  readonly schedule: SchedulePolicy;
  /** Faults end after this time. */
  readonly faultPhaseMs: number;
  readonly faults: FaultSpec;
  /** Programs of the runs that the driver starts. */
  readonly programs: readonly Program[];
  readonly actions: readonly DriverAction[];
  /** How orderly the end is: whether the engines are stopped, after everything is done. */
  readonly drainAtEnd: boolean;
}

const STORE_KINDS: readonly StoreFaultKind[] = [
  'errorBefore',
  'executeThenError',
  'serialization',
  'delay',
  'connectionDrop',
];
const STORE_PROCESS_KINDS: readonly StoreFaultKind[] = [
  'crashBeforeExecute',
  'crashAfterExecute',
  'crashAfterReply',
  'pauseAtExecute',
  'pauseAtReply',
];
const TRANSPORT_KINDS: readonly TransportFaultKind[] = ['drop', 'duplicate', 'late', 'forge'];
const PROCESS_KINDS: readonly ProcessFaultKind[] = ['crash', 'pause', 'drain', 'clockJump'];
const GROUP_MODES: readonly GroupMode[] = [
  'all',
  'race',
  'any',
  'allSettled',
  'ctxAll',
  'ctxRace',
  'ctxMap',
  'ctxScope',
];

/** Whether no fault of any kind can happen. */
export function isFaultFree({ faults }: Scenario): boolean {
  const { storeRates, transportRates, sites, process } = faults;
  const rates = [...Object.values(storeRates), ...Object.values(transportRates)];
  return rates.length === 0 && sites.length === 0 && process.length === 0;
}

/** Draws the scenario of a seed. */
export function drawScenario(seed: number): Scenario {
  const rng = new Rng(seed, 'scenario');
  const leaseMs = rng.pick([1_500, 2_000, 3_000]);
  const maxPollMs = rng.pick([100, 300, 500]);
  const processes = drawProcesses(rng, leaseMs, maxPollMs);
  const faultPhaseMs = rng.between(1_500, 6_000);
  const kinds = rng.chance(0.15) ? 0 : rng.between(1, 4);
  const faults = drawFaults(rng, { kinds, processes: processes.length, faultPhaseMs, leaseMs });
  const style = drawStyle(rng);
  const programs = Array.from({ length: rng.pick([1, 1, 2, 2, 3, 4]) }, (_, i) =>
    drawProgram(rng, style, `r${i}`),
  );
  return {
    seed,
    processes,
    leaseMs,
    maxPollMs,
    schedule: {
      mode: rng.chance(0.5) ? 'pct' : 'uniform',
      changePoints: Array.from({ length: rng.between(0, 4) }, () => rng.between(10, 500)),
      jumpChance: rng.pick([0, 0.01, 0.05, 0.2]),
    },
    faultPhaseMs,
    faults,
    programs,
    actions: drawActions(rng, programs, faultPhaseMs),
    drainAtEnd: rng.chance(0.5),
  };
}

function drawProcesses(rng: Rng, leaseMs: number, maxPollMs: number): ProcessSpec[] {
  const count = rng.pick([1, 2, 2, 2, 3, 4]);
  const exact = rng.chance(0.3);
  return Array.from({ length: count }, (_, i) => ({
    offsetMs: exact ? 0 : rng.between(-300_000, 300_000),
    drift: exact ? 0 : (rng.next() - 0.5) * 0.1,
    worker: i === 0 || !rng.chance(0.1),
    options: drawOptions(rng, leaseMs, maxPollMs),
  }));
}

function drawOptions(rng: Rng, leaseMs: number, maxPollMs: number): WorkerOptions {
  return {
    lease: leaseMs,
    heartbeat: Math.floor(leaseMs / 3),
    maxPoll: maxPollMs,
    maxActiveRuns: rng.pick([1, 2, 1_000]),
    maxLocalSteps: rng.pick([1, 2, 100]),
    residentIdle: rng.pick([0, 20, 500, 5_000]),
    residentCount: rng.pick([0, 1, 10_000]),
    cancelGrace: rng.pick([0, 200, 2_000]),
    cleanupGrace: rng.pick([100, 5_000, 30_000]),
    maxCrashes: 1_000,
  };
}

interface FaultScope {
  readonly kinds: number;
  readonly processes: number;
  readonly faultPhaseMs: number;
  readonly leaseMs: number;
}

function drawFaults(rng: Rng, scope: FaultScope): FaultSpec {
  const storeRates: Partial<Record<StoreFaultKind, number>> = {};
  const transportRates: Partial<Record<TransportFaultKind, number>> = {};
  const process: ProcessFault[] = [];
  const all = [...STORE_KINDS, ...STORE_PROCESS_KINDS, ...TRANSPORT_KINDS, ...PROCESS_KINDS];
  for (const kind of rng.sample<string>(all, scope.kinds)) {
    if (isOneOf(STORE_KINDS, kind)) storeRates[kind] = rng.pick([0.01, 0.05, 0.15]);
    else if (isOneOf(STORE_PROCESS_KINDS, kind)) storeRates[kind] = rng.pick([0.002, 0.01, 0.02]);
    else if (isOneOf(TRANSPORT_KINDS, kind)) transportRates[kind] = rng.pick([0.1, 0.3, 0.6]);
    else if (isOneOf(PROCESS_KINDS, kind)) process.push(...drawProcessFaults(rng, kind, scope));
  }
  return { ...NO_FAULTS, storeRates, transportRates, process };
}

function drawProcessFaults(rng: Rng, kind: ProcessFaultKind, scope: FaultScope): ProcessFault[] {
  return Array.from({ length: rng.between(1, 3) }, () => ({
    kind,
    atMs: rng.between(0, scope.faultPhaseMs),
    instance: rng.below(scope.processes),
    ms: processFaultMs(rng, kind, scope.leaseMs),
  }));
}

function processFaultMs(rng: Rng, kind: ProcessFaultKind, leaseMs: number): number {
  if (kind === 'clockJump') return rng.between(-3_600_000, 3_600_000);
  if (kind === 'pause') return Math.floor(leaseMs * (1.1 + rng.next() * 1.5));
  return rng.pick([0, 50, 400, leaseMs, 2 * leaseMs]);
}

function isOneOf<K extends string>(kinds: readonly K[], kind: string): kind is K {
  return (kinds as readonly string[]).includes(kind);
}

function drawStyle(rng: Rng): ProgramStyle {
  const some = (weight: number) => (rng.chance(0.25) ? 0 : weight * rng.between(1, 3));
  const leaves: Record<LeafKind, number> = {
    step: 4,
    remote: some(2),
    sleep: some(2),
    signal: some(2),
    child: some(1),
    pure: some(1),
  };
  const blocks: Record<BlockKind, number> = {
    leaf: 6,
    group: some(4),
    seq: some(1),
    try: some(2),
    loop: some(1),
    choice: some(1),
    winnerLoop: some(1),
    detach: some(1),
    throw: some(0.3),
  };
  const behaviours: Record<Behaviour, number> = {
    ok: 8,
    flaky: some(2),
    fails: some(1),
    fatal: some(0.5),
    hangs: some(0.5),
  };
  return {
    commands: rng.pick([4, 8, 12, 20]),
    depth: rng.between(1, 3),
    childDepth: rng.between(0, 2),
    leaves,
    blocks,
    behaviours,
    modes: rng.sample(GROUP_MODES, rng.between(2, GROUP_MODES.length)),
    tokens: rng.pick([['a'], ['a', 'b', 'c'], ['shared*'], ['a', 'shared*']]),
    longestMs: rng.pick([200, 1_500, 4_000]),
  };
}

function drawActions(rng: Rng, programs: readonly Program[], phaseMs: number): DriverAction[] {
  const actions: DriverAction[] = [];
  programs.forEach((program, i) => {
    const runId = program.key;
    const atMs = i === 0 ? 0 : rng.between(0, 500);
    const copies = rng.chance(0.2) ? 2 : 1;
    const timed = rng.chance(0.08) ? { timeoutMs: rng.between(1, phaseMs) } : {};
    const delayed = rng.chance(0.08) ? { startInMs: rng.between(1, phaseMs) } : {};
    actions.push({
      ...timed,
      ...delayed,
      do: 'start',
      atMs,
      runId,
      program: program.key,
      copies,
      conflict: rng.chance(0.05),
    });
    actions.push(...drawSignals(rng, program, phaseMs));
    const later = () => rng.between(0, phaseMs);
    if (rng.chance(0.2)) actions.push({ do: 'cancel', atMs: later(), runId });
    if (rng.chance(0.05)) actions.push({ do: 'terminate', atMs: later(), runId });
    if (rng.chance(0.15)) actions.push({ do: 'retry', atMs: later(), runId });
    if (rng.chance(0.15)) actions.push({ do: 'wait', atMs: later(), runId });
    if (rng.chance(0.1)) actions.push({ do: 'read', atMs: later(), runId });
  });
  return actions;
}

function drawSignals(rng: Rng, program: Program, phaseMs: number): DriverAction[] {
  const waits = [...walkProgram(program, true)].filter(
    (node): node is SignalNode => node.t === 'signal',
  );
  const actions: DriverAction[] = [];
  waits.forEach(({ token, id }, i) => {
    if (rng.chance(0.25)) return;
    const atMs = rng.pick([0, 0, rng.between(0, 300), rng.between(0, phaseMs)]);
    const name = rng.chance(0.1) ? `${program.key}-same` : `${program.key}-${id}-${i}`;
    actions.push({ do: 'signal', atMs, token, id: name, copies: rng.chance(0.2) ? 2 : 1 });
  });
  return actions;
}
