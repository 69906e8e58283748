/** Cuts a failing scenario down: fewer faults, fewer actions, fewer processes, smaller programs, same invariant broken. */
import type { Program, ProgramNode } from './program.js';
import type { Scenario } from './scenario.js';
import { type SimulateOptions, type SimulationResult, simulate } from './simulate.js';

export interface ShrinkOptions extends SimulateOptions {
  /** Most worlds to try. @default 300 */
  readonly budget?: number;
}

/** The smallest failing result found; the given one if nothing smaller fails. */
export async function shrink(
  failed: SimulationResult,
  { budget = 300, ...options }: ShrinkOptions = {},
): Promise<SimulationResult> {
  const broken = failed.violations[0]?.invariant;
  let best = failed;
  let left = budget;
  for (let progress = true; progress && left > 0; ) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (left <= 0) break;
      left -= 1;
      const result = await simulate(candidate, options);
      if (result.violations[0]?.invariant !== broken) continue;
      best = result;
      progress = true;
      break;
    }
  }
  return best;
}

/** Scenarios one cut smaller, the most promising cuts first. */
function* smaller(result: SimulationResult): Generator<Scenario> {
  const { scenario } = result;
  yield* withFewerRuns(scenario);
  yield* withFewerFaults(result);
  yield* withFewerActions(scenario);
  yield* withFewerProcesses(scenario);
  yield* withPlainSchedule(scenario);
  for (const [i, program] of scenario.programs.entries()) {
    for (const root of smallerNodes(program.root)) {
      yield { ...scenario, programs: scenario.programs.with(i, { ...program, root }) };
    }
  }
}

function* withFewerRuns(scenario: Scenario): Generator<Scenario> {
  if (scenario.programs.length < 2) return;
  for (const program of scenario.programs) {
    const actions = scenario.actions.filter(
      (action) => !('runId' in action) || action.runId !== program.key,
    );
    yield {
      ...scenario,
      actions,
      programs: scenario.programs.filter((other) => other !== program),
    };
  }
}

function* withFewerFaults({ scenario, faults }: SimulationResult): Generator<Scenario> {
  const { faults: spec } = scenario;
  const injected = faults.map(({ id }) => id).filter((id) => /^[st]:/.test(id));
  if (injected.length > 1) {
    const half = injected.slice(0, Math.ceil(injected.length / 2));
    yield { ...scenario, faults: { ...spec, suppressed: [...spec.suppressed, ...half] } };
  }
  for (const id of injected)
    yield { ...scenario, faults: { ...spec, suppressed: [...spec.suppressed, id] } };
  for (const fault of spec.process) {
    yield {
      ...scenario,
      faults: { ...spec, process: spec.process.filter((other) => other !== fault) },
    };
  }
  if (
    injected.length === 0 &&
    (Object.keys(spec.storeRates).length > 0 || Object.keys(spec.transportRates).length > 0)
  ) {
    yield { ...scenario, faults: { ...spec, storeRates: {}, transportRates: {}, suppressed: [] } };
  }
}

function* withFewerActions(scenario: Scenario): Generator<Scenario> {
  for (const action of scenario.actions) {
    if (action.do !== 'start')
      yield { ...scenario, actions: scenario.actions.filter((other) => other !== action) };
    else if (action.copies > 1 || action.conflict) {
      const plain = { ...action, copies: 1, conflict: false };
      yield {
        ...scenario,
        actions: scenario.actions.map((other) => (other === action ? plain : other)),
      };
    }
  }
}

function* withFewerProcesses(scenario: Scenario): Generator<Scenario> {
  const { processes } = scenario;
  if (processes.length > 1) yield { ...scenario, processes: processes.slice(0, -1) };
  const exact = processes.map((spec) => ({ ...spec, offsetMs: 0, drift: 0 }));
  if (processes.some(({ offsetMs, drift }) => offsetMs !== 0 || drift !== 0))
    yield { ...scenario, processes: exact };
}

function* withPlainSchedule(scenario: Scenario): Generator<Scenario> {
  const { schedule } = scenario;
  if (schedule.jumpChance > 0) yield { ...scenario, schedule: { ...schedule, jumpChance: 0 } };
  if (schedule.changePoints.length > 0)
    yield { ...scenario, schedule: { ...schedule, changePoints: [] } };
  if (scenario.drainAtEnd) yield { ...scenario, drainAtEnd: false };
}

/** Versions of a node with one thing less: a part in its place, or one part cut or smaller. */
function* smallerNodes(node: ProgramNode): Generator<ProgramNode> {
  switch (node.t) {
    case 'seq':
      for (const part of node.nodes) yield part;
      yield* lists(node.nodes, 1, (nodes) => ({ ...node, nodes }));
      return;
    case 'group':
      for (const branch of node.branches) yield branch;
      yield* lists(node.branches, 1, (branches) => ({ ...node, branches }));
      return;
    case 'try':
      yield node.body;
      if (node.handler !== null && node.cleanup !== null) yield { ...node, cleanup: null };
      yield* within(node.body, (body) => ({ ...node, body }));
      if (node.handler !== null) yield* within(node.handler, (handler) => ({ ...node, handler }));
      if (node.cleanup !== null) yield* within(node.cleanup, (cleanup) => ({ ...node, cleanup }));
      return;
    case 'loop':
      yield node.body;
      yield* within(node.body, (body) => ({ ...node, body }));
      return;
    case 'choice':
      yield node.race;
      for (const part of node.cases) yield part;
      yield* lists(node.cases, 1, (cases) => ({ ...node, cases }));
      yield* within(node.race, (race) => ({ ...node, race: race as typeof node.race }), 'group');
      return;
    case 'winnerLoop':
      yield node.race;
      yield node.body;
      yield* within(node.body, (body) => ({ ...node, body }));
      yield* within(node.race, (race) => ({ ...node, race: race as typeof node.race }), 'group');
      return;
    case 'child':
      yield* within(node.program.root, (root) => ({
        ...node,
        program: { ...node.program, root } satisfies Program,
      }));
      return;
    case 'step':
    case 'remote':
      if (node.bodyMs > 0 && node.behaviour !== 'hangs') yield { ...node, bodyMs: 0 };
      if (node.behaviour !== 'ok') yield { ...node, behaviour: 'ok', failures: 0, attempts: 3 };
      return;
    default:
      return;
  }
}

function* within(
  node: ProgramNode,
  rebuild: (node: ProgramNode) => ProgramNode,
  only?: ProgramNode['t'],
): Generator<ProgramNode> {
  for (const smallerNode of smallerNodes(node)) {
    if (only === undefined || smallerNode.t === only) yield rebuild(smallerNode);
  }
}

function* lists(
  nodes: readonly ProgramNode[],
  least: number,
  rebuild: (nodes: readonly ProgramNode[]) => ProgramNode,
): Generator<ProgramNode> {
  for (let i = 0; i < nodes.length && nodes.length > least; i += 1)
    yield rebuild(nodes.toSpliced(i, 1));
  for (const [i, node] of nodes.entries()) {
    for (const smallerNode of smallerNodes(node)) yield rebuild(nodes.with(i, smallerNode));
  }
}
