/**
 * I5 and I14: each branch's history is what was committed, it replays, and what workflow code saw on any process at any
 * time is what the history says; where no schedule can matter, it is what the program means.
 */
import {
  type Codec,
  type HistoryEvent,
  type RunRecord,
  RunTimeoutError,
} from '@dudousxd/nestjs-durable-core';
import type { Seen } from '../interpret.js';
import { describeError } from '../interpret.js';
import type { Execution } from '../ledger.js';
import type { BranchBook } from '../observer.js';
import { leavesById, type Program, type StepNode } from '../program.js';
import { ANY, differs, differsFromError, evaluate, stepOutcome } from '../reference/evaluate.js';
import { DRAWN, type Playback, playHistory } from '../reference/kernel.js';
import { isFaultFree } from '../scenario.js';
import type { RunInput } from '../workload.js';
import type { World } from '../world.js';

export interface HistoryCheck {
  readonly codec: Codec;
  readonly settle: () => Promise<void>;
}

export async function checkHistories(world: World, tools: HistoryCheck): Promise<void> {
  for (const { runId, branch, book } of world.observer.books()) {
    await checkStored(world, { runId, branch, book });
    const run = world.observer.runs.get(runId);
    if (run === undefined || world.violations.found) continue;
    await checkBranch(world, tools, { run, branch, book });
  }
}

interface Branch {
  readonly run: RunRecord;
  readonly branch: number;
  readonly book: BranchBook;
}

async function checkStored(
  world: World,
  at: { runId: string; branch: number; book: BranchBook },
): Promise<void> {
  const { runId, branch, book } = at;
  const [stored = []] = await world.store.history([{ runId, branch, after: 0 }]);
  const same = JSON.stringify(stored) === JSON.stringify(book.events);
  world.violations.check(
    same,
    'I5',
    () => `the history of ${runId}/${branch} is not what was committed`,
  );
}

async function checkBranch(world: World, tools: HistoryCheck, branch: Branch): Promise<void> {
  const { run, book } = branch;
  const { violations } = world;
  const input = tools.codec.decode(run.input) as RunInput;
  const program = world.programs.get(input.program);
  if (program === undefined) return;
  const playback = await playHistory({ run, program, events: book.events, ...tools });
  const { complaint } = playback;
  violations.check(
    complaint === null,
    'I14',
    () => `the history of ${run.id}/${branch.branch} does not replay: ${complaint}`,
  );
  if (complaint !== null) return;
  checkSeen(world, branch, playback);
  checkSteps(world, tools, { ...branch, program, playback });
  if (run.branch !== branch.branch) return;
  checkEnd(world, tools, { run, playback });
  checkMeaning(world, tools, { run, program, book });
  if (isFaultFree(world.scenario) && run.branch === 0) checkLateness(world, branch);
}

/** Every activation saw what the history says, as far as it was durable when the next one began. */
function checkSeen(world: World, { run, branch }: Branch, { seen }: Playback): void {
  const executions = world.ledger.executionsOf(run.id, branch);
  executions.forEach((execution, i) => {
    if (!execution.owned) return;
    const next = executions[i + 1];
    const durable = next === undefined ? Number.POSITIVE_INFINITY : next.knownSeq;
    const limit = Math.min(execution.seen.length, seen.filter(({ seq }) => seq <= durable).length);
    for (let at = 0; at < limit; at += 1) {
      const wanted = seen[at];
      const got = execution.seen[at];
      if (wanted === undefined || got === undefined || isSameSight(wanted, got)) continue;
      const what = `activation ${i + 1} of ${run.id}/${branch} on p${execution.instance}`;
      world.violations.add(
        'I14',
        `${what} saw ${JSON.stringify(got)} where history (seq ${wanted.seq}) says ${JSON.stringify(wanted)}`,
      );
      return;
    }
  });
  checkDraws(world, executions);
}

function isSameSight(wanted: Seen, got: Seen): boolean {
  if (wanted.node !== got.node || wanted.occurrence !== got.occurrence || wanted.ok !== got.ok)
    return false;
  return wanted.value === got.value || wanted.value === JSON.stringify(DRAWN);
}

/** `ctx.random` and `ctx.uuid` give the same in every activation. */
function checkDraws(world: World, executions: readonly Execution[]): void {
  const [first, ...others] = executions;
  for (const other of others) {
    other.seen.forEach((got, at) => {
      const before = first?.seen[at];
      const pure = /^(0\.\d+|"[0-9a-f]{8}-[0-9a-f]{4}-4)/;
      if (
        before === undefined ||
        before.node !== got.node ||
        !pure.test(got.value) ||
        !pure.test(before.value)
      )
        return;
      world.violations.check(
        got.value === before.value,
        'I14',
        () => `run ${got.node} drew ${before.value}, then ${got.value}`,
      );
    });
  }
}

interface StepCheck extends Branch {
  readonly program: Program;
  readonly playback: Playback;
}

/** Each step's outcome, its attempt and its failures are those of its policy. */
function checkSteps(
  world: World,
  { codec }: HistoryCheck,
  { run, book, program, playback }: StepCheck,
): void {
  const leaves = leavesById(program);
  // A retry keeps what a cancel has rejected.
  const cancelled = [book, world.observer.book(run.id, 0)].some(({ events }) =>
    events.some((event) => event.kind === 'cancel'),
  );
  for (const [visit, position] of playback.positions) {
    const [id = 0, occurrence = 0] = visit.split(':').map(Number);
    const node = leaves.get(id);
    const seq = book.outcomes.get(position);
    const event = seq === undefined ? undefined : book.events[seq - 1];
    if (event === undefined || cancelled || (node?.t !== 'step' && node?.t !== 'remote')) continue;
    const difference = stepDifference(codec, { node, occurrence, event });
    world.violations.check(
      difference === null,
      'I14',
      () =>
        `step ${run.id} n${visit} (${node.behaviour}, ${node.failures} of ${node.attempts}): ${difference}`,
    );
  }
}

function stepDifference(
  codec: Codec,
  step: { node: StepNode; occurrence: number; event: HistoryEvent },
): string | null {
  const { node, occurrence, event } = step;
  const expected = stepOutcome(node, occurrence);
  if (expected.ok !== (event.type === 'completed'))
    return `${event.type} at attempt ${event.attempt}`;
  if (expected.ok) return differs(expected.value, codec.decode(event.payload ?? ''));
  const attempts = node.behaviour === 'fatal' ? 1 : node.attempts;
  if (event.attempt !== attempts) return `failed at attempt ${event.attempt} of ${attempts}`;
  return differsFromError(expected.error, describeError(codec.decodeError(event.payload ?? '')));
}

/** The run ended as its body did. */
function checkEnd(
  world: World,
  { codec }: HistoryCheck,
  { run, playback }: { run: RunRecord; playback: Playback },
): void {
  const { end } = playback;
  const { violations } = world;
  if (run.status === 'completed') {
    const difference =
      end?.ok === true
        ? undrawnDifference(end.value, codec.decode(run.output ?? ''))
        : 'the body did not return';
    violations.check(
      difference === null,
      'I14',
      () => `run ${run.id} is completed, but: ${difference}`,
    );
  } else if (run.status === 'failed') {
    const error = codec.decodeError(run.error ?? '');
    // It ended wherever its body stood.
    if (error instanceof RunTimeoutError) return;
    const stored = describeError(error);
    const same = end?.ok === false && describeError(end.value) === stored;
    violations.check(
      same,
      'I14',
      () =>
        `run ${run.id} failed with ${stored}; its body ${end === null ? 'did not end' : JSON.stringify(end.ok ? end.value : describeError(end.value))}`,
    );
  }
}

/** As `differs`, where the reference's own draws match everything. */
function undrawnDifference(reference: unknown, actual: unknown): string | null {
  return differs(withoutDraws(reference), actual);
}

function withoutDraws(value: unknown): unknown {
  if (value === DRAWN) return ANY;
  if (Array.isArray(value)) return value.map(withoutDraws);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutDraws(item)]));
}

/** Where no schedule can matter, the run ends as the program's meaning says. */
function checkMeaning(
  world: World,
  { codec }: HistoryCheck,
  { run, program, book }: { run: RunRecord; program: Program; book: BranchBook },
): void {
  const disturbed =
    run.status === 'cancelled' ||
    run.deadlineAt !== null ||
    run.branch > 0 ||
    book.events.some((event) => event.kind === 'cancel');
  const meddled = [...world.observer.runs.values()].some(
    (other) => other.id.startsWith(`${run.id}.`) && other.status === 'cancelled',
  );
  const expected = disturbed || meddled ? null : evaluate(program, run.id);
  if (expected === null) return;
  const difference =
    expected.ok !== (run.status === 'completed')
      ? `it is ${run.status}`
      : expected.ok
        ? differs(expected.value, codec.decode(run.output ?? ''))
        : differsFromError(expected.error, describeError(codec.decodeError(run.error ?? '')));
  world.violations.check(
    difference === null,
    'I14',
    () => `run ${run.id} is not what its program means: ${difference}`,
  );
}

const SLACK_MS = 500;

/** I8, the other side: in a world without faults or overload no sleep is late by more than two polls and a second. */
function checkLateness({ violations, scenario }: World, { run, book }: Branch): void {
  if (scenario.processes.some(({ options }) => (options.maxActiveRuns ?? 1_000) < 1_000)) return;
  const allowed = 2 * scenario.maxPollMs + 1_000 + SLACK_MS;
  book.events.forEach((event, i) => {
    if (event.kind !== 'sleep' || event.type !== 'completed' || event.position === null) return;
    const deadline = book.scheduled.get(event.position)?.detail?.deadline ?? 0;
    const late = (book.durableAt[i] ?? 0) - deadline;
    violations.check(
      late <= allowed,
      'I8',
      () => `the sleep at ${run.id}/${event.position} ended ${late} ms late`,
    );
  });
}
