/** I2, I3, I5, I6, I7 and I8: the runs, their histories, their signals and timers, when all is over. */
import { inputDigest, isTerminal, type RunStatus } from '@dudousxd/nestjs-durable-core';
import { compareOutput } from '../program/expect.js';
import type { Operation, Program } from '../program/program.js';
import { codec, type Evidence, type HistoryRow, resultsOf } from './evidence.js';

/** Each acknowledged start has its run, and each run does what its program says. */
export function judgeRuns(evidence: Evidence): readonly string[] {
  const violations: string[] = [];
  const { runs, started } = evidence;
  const programs = new Map<string, Expected>();
  for (const { runId, program, isCancelled } of started) {
    const digest = inputDigest(codec.encode(program));
    const row = runs.get(runId);
    if (row?.inputDigest !== digest) {
      violations.push(`I3: run ${runId} was acknowledged and is ${row ? 'another' : 'not there'}`);
    }
    addPrograms(programs, runId, program, isCancelled);
  }
  for (const [runId, run] of runs) {
    const expected = programs.get(runId);
    if (!expected) violations.push(`I3: run ${runId} was never acknowledged, and is there`);
    else violations.push(...judgeRun(evidence, { ...expected, runId, status: run.status }));
  }
  return violations;
}

interface Expected {
  readonly program: Program;
  readonly mayBeCancelled: boolean;
}

function addPrograms(
  programs: Map<string, Expected>,
  runId: string,
  program: Program,
  mayBeCancelled: boolean,
): void {
  programs.set(runId, { program, mayBeCancelled });
  const visit = (operations: readonly Operation[]): void => {
    for (const operation of operations) {
      if (operation.op === 'child') {
        const childId = `${runId}:${operation.key}`;
        addPrograms(programs, childId, operation.program, mayBeCancelled);
      }
      if (operation.op === 'all' || operation.op === 'race') operation.branches.forEach(visit);
    }
  };
  visit(program.operations);
}

function judgeRun(
  { runs, history }: Evidence,
  { runId, status, program, mayBeCancelled }: Expected & { runId: string; status: string },
): readonly string[] {
  const run = runs.get(runId);
  const blame = (text: string): string => `run ${runId}: ${text}`;
  if (!isTerminal(status as RunStatus)) return [blame(`I2: it is ${status} (${run?.reason})`)];
  if (status === 'cancelled' && mayBeCancelled) return [];
  const wanted = program.fails ? 'failed' : 'completed';
  if (status !== wanted) return [blame(`I2: it is ${status} (${run?.reason}), not ${wanted}`)];
  if (status !== 'completed') return [];
  const output = codec.decode(run?.output ?? '');
  const { problems, results } = compareOutput(program.operations, output);
  const recorded = new Map(
    resultsOf(history.get(runId) ?? []).map(({ key, token }) => [key, token]),
  );
  const wrong = results.filter(({ key, token }) => recorded.get(key) !== token);
  return [
    ...problems.map((problem) => blame(`I14: ${problem}`)),
    ...wrong.map(({ key }) => blame(`I5: the code has seen another result of ${key}`)),
  ];
}

/** I12: when every run has ended, nothing is left to dispatch. */
export function judgeOutbox({ tasks }: Evidence): readonly string[] {
  return tasks === 0 ? [] : [`I12: ${tasks} attempts of remote steps are left in the outbox`];
}

/** I5: each branch is dense from 1. */
export function judgeHistories({ history }: Evidence): readonly string[] {
  const violations: string[] = [];
  for (const [runId, events] of history) {
    for (const [branch, list] of Map.groupBy(events, (event) => event.branch)) {
      if (list.every(({ seq }, i) => seq === i + 1)) continue;
      violations.push(`I5: run ${runId} branch ${branch} has gaps or doubles`);
    }
  }
  return violations;
}

/** A row of history as somebody saw it on the way. */
export type Glimpse = Pick<
  HistoryRow,
  'runId' | 'branch' | 'seq' | 'type' | 'position' | 'payload'
>;

/** I5: what anybody has seen is still there, unchanged. */
export function judgeGlimpses(
  { history }: Evidence,
  glimpses: readonly Glimpse[],
): readonly string[] {
  return glimpses.flatMap((seen) => {
    const found = history
      .get(seen.runId)
      ?.find(({ branch, seq }) => branch === seen.branch && seq === seen.seq);
    const isSame =
      found?.type === seen.type &&
      found.position === seen.position &&
      found.payload === seen.payload;
    return isSame ? [] : [`I5: run ${seen.runId} history ${seen.seq} was seen, and has changed`];
  });
}

/** I6: an acknowledged payload is there once, and is consumed if its run has not been cancelled. */
export function judgeSignals({ signals, sent, started }: Evidence): readonly string[] {
  const cancelled = new Set(started.flatMap((run) => (run.isCancelled ? [run.runId] : [])));
  const rows = Map.groupBy(signals, ({ id }) => id);
  return sent.flatMap(({ token, id }) => {
    const found = rows.get(id) ?? [];
    const [row] = found;
    if (found.length !== 1 || !row) return [`I6: signal ${id} is there ${found.length} times`];
    if (row.consumed === 1 || cancelled.has(token.split('/')[0] ?? '')) return [];
    return [`I6: signal ${id} was accepted, and nobody has got it`];
  });
}

export interface TimersVerdict {
  readonly violations: readonly string[];
  /** How late timers were, in milliseconds, in order. */
  readonly lateness: readonly number[];
}

/** I8: by the database's clock no timer is early. */
export function judgeTimers({ history, audit }: Evidence): TimersVerdict {
  const violations: string[] = [];
  const lateness: number[] = [];
  const recordedAt = new Map(
    audit
      .filter(({ what }) => what === 'history')
      .map(({ runId, branch, seq, at }) => [`${runId} ${branch} ${seq}`, at]),
  );
  for (const [runId, events] of history) {
    const deadlines = new Map<string, number>();
    for (const { branch, seq, position, kind, type, detail } of events) {
      if (kind !== 'sleep') continue;
      const operation = `${branch} ${position}`;
      if (type === 'scheduled') deadlines.set(operation, detail?.deadline ?? 0);
      const deadline = deadlines.get(operation);
      const at = recordedAt.get(`${runId} ${branch} ${seq}`);
      if (type !== 'completed' || deadline === undefined || at === undefined) continue;
      lateness.push(at - deadline);
      // The database's clock is read in whole milliseconds.
      if (at < deadline - 1) violations.push(`I8: run ${runId} woke ${deadline - at} ms early`);
    }
  }
  return { violations, lateness: lateness.sort((a, b) => a - b) };
}
