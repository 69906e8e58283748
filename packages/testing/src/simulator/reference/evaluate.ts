/**
 * What a program must return where no schedule can matter: no race, no timeout, no concurrent failures. Written without
 * promises, so that it shares no assumption with the kernels.
 */
import {
  type GroupNode,
  isLeaf,
  type LeafNode,
  type Program,
  type ProgramNode,
  type StepNode,
  walkProgram,
} from '../program.js';

/** Stands for a value that cannot be told beforehand. */
export const ANY = Symbol('any value');

/** An error as `describeError` writes it; `ANY` where the words are the engine's. */
export type ExpectedError = readonly [
  name: string | typeof ANY,
  message: string | typeof ANY,
  cause: string | typeof ANY | undefined,
];

export type Expected =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ExpectedError };

/** Marks an error inside a value: the program turned it into text. */
class ErrorText {
  readonly error: ExpectedError;

  constructor(error: ExpectedError) {
    this.error = error;
  }
}

/** The one possible outcome of a program, or null where the schedule decides. */
export function evaluate(program: Program, runId: string): Expected | null {
  if ([...walkProgram(program, true)].some(dependsOnSchedule)) return null;
  const loops = [...walkProgram(program, false)].some((node) => node.t === 'loop');
  return new Evaluation(runId, loops).run(program.root);
}

function dependsOnSchedule(node: ProgramNode): boolean {
  if (node.t === 'group')
    return node.mode === 'race' || node.mode === 'any' || node.mode === 'ctxRace';
  return node.t === 'signal' && node.timeoutMs !== null;
}

class Evaluation {
  private readonly runId: string;
  private readonly loops: boolean;
  private readonly visits = new Map<number, number>();

  constructor(runId: string, loops: boolean) {
    this.runId = runId;
    this.loops = loops;
  }

  run(node: ProgramNode): Expected | null {
    switch (node.t) {
      case 'seq':
        return this.sequence(node.nodes);
      case 'loop':
        return this.sequence(Array.from({ length: node.times }, () => node.body));
      case 'group':
        return this.group(node);
      case 'try':
        return this.attempt(node.body, node.handler, node.cleanup);
      case 'detach':
        // Its occurrence counts; its outcome does not.
        this.visit(node.body);
        return { ok: true, value: 'detached' };
      case 'throw':
        return { ok: false, error: ['Error', `thrown by node ${node.id}`, undefined] };
      case 'choice':
      case 'winnerLoop':
        return null;
      default:
        return isLeaf(node) ? this.leaf(node) : null;
    }
  }

  private sequence(nodes: readonly ProgramNode[]): Expected | null {
    const values: unknown[] = [];
    for (const node of nodes) {
      const outcome = this.run(node);
      if (outcome === null || !outcome.ok) return outcome;
      values.push(outcome.value);
    }
    return { ok: true, value: values };
  }

  private group({ mode, branches }: GroupNode): Expected | null {
    const outcomes = branches.map((branch) => this.run(branch));
    if (outcomes.includes(null)) return null;
    const known = outcomes as Expected[];
    if (mode === 'allSettled') {
      return {
        ok: true,
        value: known.map((one) =>
          one.ok ? { ok: one.value } : { error: new ErrorText(one.error) },
        ),
      };
    }
    const failures = known.filter((one) => !one.ok);
    // Who fails first is the schedule's choice, and in a loop so is how far the others got.
    if (failures.length > 1 || (failures.length === 1 && this.loops)) return null;
    return failures[0] ?? { ok: true, value: known.map((one) => (one.ok ? one.value : ANY)) };
  }

  private attempt(
    body: ProgramNode,
    handler: ProgramNode | null,
    cleanup: ProgramNode | null,
  ): Expected | null {
    let outcome = this.run(body);
    if (outcome === null) return null;
    if (!outcome.ok && handler !== null) {
      const handled = this.run(handler);
      if (handled === null) return null;
      outcome = handled.ok
        ? { ok: true, value: [new ErrorText(outcome.error), handled.value] }
        : handled;
    }
    const cleaned = cleanup === null ? outcome : this.run(cleanup);
    return cleaned === null || !cleaned.ok ? cleaned : outcome;
  }

  private leaf(node: LeafNode): Expected | null {
    const occurrence = this.visit(node);
    switch (node.t) {
      case 'step':
      case 'remote':
        return stepOutcome(node, occurrence);
      case 'sleep':
        return { ok: true, value: undefined };
      case 'signal':
        return { ok: true, value: ANY };
      case 'pure':
        return {
          ok: true,
          value: node.op === 'patched' ? true : node.op === 'cancelled' ? false : ANY,
        };
      case 'child': {
        const runId = `${this.runId}.${node.id}-${occurrence}`;
        if (node.style === 'leave') return { ok: true, value: runId };
        const outcome = evaluate(node.program, runId);
        if (outcome === null || outcome.ok) return outcome;
        return { ok: false, error: ['ChildFailedError', ANY, outcome.error[1]] };
      }
    }
  }

  private visit(node: LeafNode): number {
    const occurrence = this.visits.get(node.id) ?? 0;
    this.visits.set(node.id, occurrence + 1);
    return occurrence;
  }
}

/** The outcome that a step's policy and behaviour allow. */
export function stepOutcome(node: StepNode, occurrence: number): Expected {
  const { id, behaviour, attempts } = node;
  const boom = (attempt: number) => `boom ${id}:${occurrence}:${attempt}`;
  switch (behaviour) {
    case 'fatal':
      return { ok: false, error: ['FatalError', boom(1), undefined] };
    case 'hangs':
      return { ok: false, error: ['StepTimeoutError', ANY, undefined] };
    case 'fails':
      return { ok: false, error: ['Error', boom(attempts), undefined] };
    default: {
      const failures = behaviour === 'flaky' ? node.failures : 0;
      if (failures >= attempts) return { ok: false, error: ['Error', boom(attempts), undefined] };
      return { ok: true, value: { n: id, o: occurrence, a: failures + 1, x: ANY } };
    }
  }
}

/** Why `actual` is not what was expected; null if it is. Draws and unknowns match everything. */
export function differs(expected: unknown, actual: unknown, path = 'value'): string | null {
  if (expected === ANY) return null;
  if (expected instanceof ErrorText) return differsAsError(expected.error, actual, path);
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return `${path} is ${show(actual)}`;
    return firstDifference(expected.map((item, i) => differs(item, actual[i], `${path}[${i}]`)));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return `${path} is ${show(actual)}`;
    return firstDifference(
      Object.entries(expected).map(([key, value]) =>
        differs(value, Reflect.get(actual, key), `${path}.${key}`),
      ),
    );
  }
  return Object.is(expected, actual) ? null : `${path} is ${show(actual)}, not ${show(expected)}`;
}

function differsAsError(expected: ExpectedError, actual: unknown, path: string): string | null {
  const [name, message, cause] = JSON.parse(String(actual)) as [
    string,
    string,
    string | null | undefined,
  ];
  const wantedCause = expected[2] === undefined ? ANY : expected[2];
  return differs(
    [expected[0], expected[1], wantedCause],
    [name, message, cause ?? undefined],
    path,
  );
}

/** Why an error that was described as text is not the expected one; null if it is. */
export function differsFromError(expected: ExpectedError, described: string): string | null {
  return differsAsError(expected, described, 'error');
}

function firstDifference(differences: readonly (string | null)[]): string | null {
  return differences.find((difference) => difference !== null) ?? null;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined';
}
