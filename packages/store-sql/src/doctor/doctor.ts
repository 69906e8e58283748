/**
 * Looks for broken invariants while the application works. It only reads: page after page of runs, each on one snapshot
 * of its own, so that it blocks no writer, keeps no snapshot open for long, and sees nothing half done.
 */
import { InvalidArgumentError, isTerminal } from '@dudousxd/nestjs-durable-core';
import type { SqlExecutor } from '../sql/executor.js';
import { firstOfEach, rows, type Script } from '../sql/script.js';
import {
  PATIENTS,
  type PatientRow,
  REPEATED_OUTCOMES,
  REPEATED_TASKS,
  type RepeatedRow,
  TASKS_OF_ENDED,
  UNTOLD_PARENT,
  WAITS_OF_ENDED,
} from '../statements/doctor.js';
import { childKey } from '../store/deliver.js';
import { begin } from '../store/transition.js';
import { examineLiveness } from './liveness.js';
import type { DoctorFinding, DoctorInvariant, DoctorOptions, DoctorReport } from './report.js';
import { examineEnd, examineStart } from './runs.js';

const DEFAULTS = { cursor: '', budgetMs: 5_000, examples: 10, pageSize: 500 };

/** @throws InvalidArgumentError naming the option */
export async function examine(
  executor: SqlExecutor,
  options: DoctorOptions,
): Promise<DoctorReport> {
  const { cursor, budgetMs, examples, pageSize } = { ...DEFAULTS, ...options };
  requireCount('pageSize', pageSize, 1);
  requireCount('examples', examples, 0);
  const violations: Record<DoctorInvariant, number> = { I1: 0, I3: 0, I10: 0, I12: 0, I13: 0 };
  const findings: DoctorFinding[] = [];
  const deadline = performance.now() + budgetMs;
  let runs = 0;
  for (let after = cursor, startedAt: number | undefined; ; ) {
    const from = after;
    const page = await executor.read(() => examinePage(from, pageSize));
    startedAt ??= page.now;
    runs += page.runs;
    for (const finding of page.findings) {
      violations[finding.invariant] += 1;
      if (violations[finding.invariant] <= examples) findings.push(finding);
    }
    if (page.last === null || performance.now() >= deadline) {
      return { startedAt, runs, cursor: page.last, findings, violations };
    }
    after = page.last;
  }
}

function requireCount(field: string, received: number, least: number): void {
  if (Number.isSafeInteger(received) && received >= least) return;
  const todo = `Pass a whole number of ${least} or more.`;
  throw new InvalidArgumentError({ field, received, todo });
}

interface Page {
  readonly now: number;
  readonly runs: number;
  /** Id of the last run; null when there are no more. */
  readonly last: string | null;
  readonly findings: readonly DoctorFinding[];
}

function* examinePage(after: string, size: number): Script<Page> {
  const tx = yield* begin();
  const page = yield* rows(PATIENTS, [after, size]);
  const last = page.at(-1)?.id;
  if (last === undefined) return { now: tx.now, runs: 0, last: null, findings: [] };
  const range = [after, last];
  const findings = [
    ...repeated('I1', yield* rows(REPEATED_OUTCOMES, range), 'outcomes'),
    ...page.flatMap((run, i) => examineStart(run, page[i - 1])),
    ...page.flatMap(examineEnd),
    ...(yield* examineRemains(range)),
    ...(yield* examineParents(page)),
    ...(yield* examineLiveness(tx, page)),
    ...repeated('I13', yield* rows(REPEATED_TASKS, range), 'open attempts'),
  ];
  const isLast = page.length < size;
  return { now: tx.now, runs: page.length, last: isLast ? null : last, findings };
}

function repeated(
  invariant: DoctorInvariant,
  found: readonly RepeatedRow[],
  what: string,
): DoctorFinding[] {
  return found.map(({ run_id, branch, position, times }) => ({
    ...{ invariant, runId: run_id, branch, position },
    what: `an operation has ${times} ${what}`,
  }));
}

/** I10: nothing is left of an ended run that others would act upon. */
function* examineRemains(range: readonly string[]): Script<readonly DoctorFinding[]> {
  const waits = yield* rows(WAITS_OF_ENDED, range);
  const tasks = yield* rows(TASKS_OF_ENDED, range);
  return [
    ...waits.map(({ run_id, token }): DoctorFinding => {
      return { invariant: 'I10', runId: run_id, what: `it has ended and waits for '${token}'` };
    }),
    ...tasks.map(({ run_id, position }): DoctorFinding => {
      const what = 'it has ended and has an open attempt';
      return { invariant: 'I10', runId: run_id, what, position };
    }),
  ];
}

/** I10: whoever ends tells the parent in the same transaction. */
function* examineParents(page: readonly PatientRow[]): Script<readonly DoctorFinding[]> {
  const ended = page.flatMap(({ id, status, parent_run_id, parent_position }) => {
    if (!isTerminal(status) || parent_run_id === null || parent_position === null) return [];
    return [{ id, parent: parent_run_id, position: parent_position }];
  });
  const untold = yield* firstOfEach(
    UNTOLD_PARENT,
    ended.map(({ id, parent, position }) => [parent, position, childKey(position, id), position]),
  );
  return ended.flatMap(({ id, position }, i): DoctorFinding[] => {
    const parent = untold[i]?.id;
    if (parent === undefined) return [];
    return [
      { invariant: 'I10', runId: parent, what: `its child ${id} has ended untold`, position },
    ];
  });
}
