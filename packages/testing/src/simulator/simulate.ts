/** One simulated world from its seed to the verdict. */
import {
  type Codec,
  createCodec,
  DurableEngine,
  type StateStore,
} from '@dudousxd/nestjs-durable-core';
import { drain } from './drain.js';
import { formatLine } from './event-log.js';
import type { FaultRecord } from './faults.js';
import { checkExecutions } from './invariants/executions.js';
import { checkHistories } from './invariants/histories.js';
import { checkAnswers } from './invariants/runs.js';
import { checkSignals } from './invariants/signals.js';
import { drawScenario, type Scenario } from './scenario.js';
import type { EngineFactory } from './sim-process.js';
import type { Violation } from './violations.js';
import { World, type WorldOptions } from './world.js';

export interface SimulateOptions {
  /** The engine under test. @default DurableEngine of the core package */
  readonly createEngine?: EngineFactory;
  /** Puts a bug into the store, to see that it is found. */
  readonly mutate?: (store: StateStore, now: () => number) => StateStore;
  /** Lines of the event log to keep. @default 400 */
  readonly keepLines?: number;
  /** Told of every store call, for the exhaustive mode. */
  readonly onCall?: WorldOptions['onCall'];
}

/** What has come of a world. */
export interface SimulationResult {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  readonly faults: readonly FaultRecord[];
  /** Hash of everything that happened: the same for every run of one scenario. */
  readonly hash: string;
  readonly steps: number;
  /** Virtual milliseconds from the start to the end. */
  readonly virtualMs: number;
  readonly stats: SimulationStats;
  /** The last lines of the event log, formatted. */
  tail(count: number): string;
}

export interface SimulationStats {
  readonly runs: number;
  readonly events: number;
  readonly bodies: number;
  readonly activations: number;
  readonly signals: number;
}

const codec: Codec = createCodec();

/** Draws the scenario of a seed and runs it. */
export function simulateSeed(
  seed: number,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  return simulate(drawScenario(seed), options);
}

/** Runs a scenario and checks every invariant. One world at a time in a process. */
export async function simulate(
  scenario: Scenario,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  const world = new World(scenario, {
    createEngine: options.createEngine ?? ((engineOptions) => new DurableEngine(engineOptions)),
    keepLines: options.keepLines ?? 400,
    ...(options.mutate === undefined ? {} : { mutate: options.mutate }),
    ...(options.onCall === undefined ? {} : { onCall: options.onCall }),
  });
  await world.run();
  if (!world.violations.found) await judge(world);
  return resultOf(world);
}

async function judge(world: World): Promise<void> {
  checkAnswers(world);
  checkExecutions(world);
  await checkSignals(world);
  await checkHistories(world, { codec, settle: drain });
}

function resultOf(world: World): SimulationResult {
  const { scenario, violations, plan, log, agenda, observer, ledger } = world;
  let events = 0;
  for (const { book } of observer.books()) events += book.events.length;
  return {
    scenario,
    violations: violations.all,
    faults: plan.log,
    hash: log.hash,
    steps: agenda.steps,
    virtualMs: world.elapsedMs,
    stats: {
      runs: observer.runs.size,
      events,
      bodies: ledger.bodies.length,
      activations: ledger.executions.length,
      signals: observer.signals.size,
    },
    tail: (count) => log.tail(count).map(formatLine).join('\n'),
  };
}
