import {
  type DeliverResult,
  type TakeTasksRequest,
  type TakeTasksResult,
  type TaskResult,
  type TaskReturn,
  UNTAKEN_MS,
  type UnservedTask,
} from '@dudousxd/nestjs-durable-core';
import {
  change,
  databaseTime,
  first,
  firstOfEach,
  lockRows,
  rows,
  rowsOfEach,
  type Script,
} from '../sql/script.js';
import {
  DELETE_TASK,
  EXTEND_TASK,
  GET_TASK,
  LOCK_TASK,
  MARK_UNSERVED,
  nextVisible,
  RETURN_TASK,
  TAKE_TASK,
  type TaskRow,
  UNSERVED_TASKS,
  visibleTasks,
} from '../statements/tasks.js';
import { deliverAll } from './deliver.js';
import { toTakenTask } from './rows.js';
import { begin } from './transition.js';

/** The answer when no task is visible, found without taking the write lock; undefined = there is one. */
export function* takeNothing(request: TakeTasksRequest): Script<TakeTasksResult | undefined> {
  const now = yield* databaseTime();
  const nextVisibleAt = yield* nextVisibility(request);
  const isVisible = nextVisibleAt !== null && nextVisibleAt <= now;
  return isVisible && request.limit > 0 ? undefined : { tasks: [], nextVisibleAt };
}

/** Leases visible tasks to a taker: they stay out of sight until their visibility runs out. */
export function* takeTasks(request: TakeTasksRequest): Script<TakeTasksResult> {
  const now = yield* databaseTime();
  const { namespace, limit, visibilityMs } = request;
  const steps = request.steps ?? [];
  const taken = yield* rows(visibleTasks(steps.length), [namespace, now, ...steps, limit]);
  yield* change(
    TAKE_TASK,
    taken.map(({ id }) => [now + visibilityMs, id]),
  );
  return { tasks: taken.map(toTakenTask), nextVisibleAt: yield* nextVisibility(request) };
}

/** When the next task that the taker asks for is, or becomes, visible. */
function* nextVisibility({ namespace, steps }: TakeTasksRequest): Script<number | null> {
  if (steps?.length === 0) return null;
  const next = yield* first(nextVisible(steps?.length ?? 0), [namespace, ...(steps ?? [])]);
  return next?.at ?? null;
}

/** Hides the tasks again from now on; unknown ids are ignored. */
export function* extendTasks(taskIds: readonly string[], visibilityMs: number): Script<void> {
  const now = yield* databaseTime();
  yield* change(
    EXTEND_TASK,
    taskIds.toSorted().map((id) => [now + visibilityMs, id]),
  );
}

/** Takes back what was taken in vain; unknown ids are ignored. */
export function* returnTasks(returns: readonly TaskReturn[]): Script<void> {
  const now = yield* databaseTime();
  yield* change(
    RETURN_TASK,
    returns.map(({ taskId, afterMs }) => [now + afterMs, taskId]),
  );
}

/** Remembers since when nobody serves the tasks; unknown ids are ignored. */
export function* markUnserved(taskIds: readonly string[]): Script<void> {
  const now = yield* databaseTime();
  yield* change(
    MARK_UNSERVED,
    taskIds.map((id) => [now, id]),
  );
}

/** What nobody serves, of the tasks of these runs. */
export function* listUnserved(runIds: readonly string[]): Script<readonly UnservedTask[]> {
  const now = yield* databaseTime();
  const found = yield* rowsOfEach(
    UNSERVED_TASKS,
    runIds.map((id) => [id, now - UNTAKEN_MS]),
  );
  return runIds.flatMap((runId, i) =>
    (found[i] ?? []).map(({ position, since }) => ({ runId, position, since })),
  );
}

/**
 * Turns results of remote attempts into inbox messages; the tasks are gone with them. Answers in order.
 *
 * Batches of several engines may have results of the same tasks, and wake the same runs: rows are locked in the order of
 * their ids. What is of no use locks nothing.
 */
export function* completeTasks(results: readonly TaskResult[]): Script<readonly DeliverResult[]> {
  const tx = yield* begin();
  const answers = results.map((): DeliverResult => ({ outcome: 'ignored', woken: [] }));
  const matching = yield* matchResults(results);
  const isThere = yield* lockRows(
    LOCK_TASK,
    matching.map(({ task }) => [task.id]),
  );
  // Their runs receive them in the order in which they came.
  const taken = matching.filter((_, i) => isThere[i]).sort((a, b) => a.index - b.index);
  const deliveries = taken.map(({ task, result }) => ({
    message: resultMessage(task, result),
    woken: new Set<string>(),
  }));
  const outcomes = yield* deliverAll(tx, deliveries);
  yield* change(
    DELETE_TASK,
    taken.map(({ task }) => [task.id]),
  );
  taken.forEach(({ index }, i) => {
    const woken = [...(deliveries[i]?.woken ?? [])];
    answers[index] = { outcome: outcomes[i] ?? 'ignored', woken };
  });
  return answers;
}

interface MatchingResult {
  readonly task: TaskRow;
  readonly result: TaskResult['result'];
  /** Its place in the batch. */
  readonly index: number;
}

/** The first result of each task that has its token and its attempt, in the order of the tasks' ids. */
function* matchResults(results: readonly TaskResult[]): Script<readonly MatchingResult[]> {
  const ids = [...new Set(results.map(({ taskId }) => taskId))].sort();
  const found = yield* firstOfEach(
    GET_TASK,
    ids.map((id) => [id]),
  );
  const indexes = Map.groupBy(results.keys(), (index) => results[index]?.taskId);
  return found.flatMap((task) => {
    const index = indexes.get(task?.id)?.find((at) => {
      const given = results[at];
      return given?.token === task?.token && given?.result.attempt === task?.attempt;
    });
    const result = index === undefined ? undefined : results[index]?.result;
    return task && result && index !== undefined ? [{ task, result, index }] : [];
  });
}

function resultMessage(
  { run_id, branch, position, attempt }: TaskRow,
  result: TaskResult['result'],
) {
  return {
    runId: run_id,
    branch,
    key: `remote:${position}:${attempt}`,
    body: { kind: 'remote', position, result },
  } as const;
}
