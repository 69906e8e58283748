import {
  type DeliverResult,
  type TakeTasksRequest,
  type TakeTasksResult,
  type TaskResult,
  type TaskReturn,
  UNTAKEN_MS,
  type UnservedTask,
} from '@dudousxd/nestjs-durable-core';
import { change, databaseTime, first, rows, rowsOfEach, type Script } from '../sql/script.js';
import {
  DELETE_TASK,
  EXTEND_TASK,
  GET_TASK,
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
import { begin, type Transition, type Woken } from './transition.js';

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
    taskIds.map((id) => [now + visibilityMs, id]),
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

/** Turns results of remote attempts into inbox messages; the tasks are gone with them. Answers in order. */
export function* completeTasks(results: readonly TaskResult[]): Script<readonly DeliverResult[]> {
  const tx = yield* begin();
  const answers: DeliverResult[] = [];
  for (const result of results) answers.push(yield* completeTask(tx, result));
  return answers;
}

function* completeTask(
  tx: Transition,
  { taskId, token, result }: TaskResult,
): Script<DeliverResult> {
  const task = yield* first(GET_TASK, [taskId]);
  if (!task || task.token !== token || task.attempt !== result.attempt) {
    return { outcome: 'ignored', woken: [] };
  }
  const woken: Woken = new Set();
  const message = resultMessage(task, result);
  const [outcome = 'ignored'] = yield* deliverAll(tx, [{ message, woken }]);
  yield* change(DELETE_TASK, [[taskId]]);
  return { outcome, woken: [...woken] };
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
