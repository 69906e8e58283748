import { UNTAKEN_MS } from '../retention.js';
import type {
  RemoteTask,
  TakeTasksRequest,
  TakeTasksResult,
  TaskReturn,
  UnservedTask,
} from '../state-store.js';
import type { Transition } from './transition.js';

/** Leases visible tasks to a taker: they stay out of sight until their visibility runs out. */
export function takeTasks({ tables, now }: Transition, request: TakeTasksRequest): TakeTasksResult {
  const { namespace, steps, limit, visibilityMs } = request;
  const matches = (task: RemoteTask): boolean =>
    task.namespace === namespace && (steps === null || steps.includes(task.step));
  const visible = tables.tasks.visible(matches, now).slice(0, limit);
  const tasks = visible.flatMap((task) => tables.tasks.take(task, now + visibilityMs));
  return { tasks, nextVisibleAt: tables.tasks.nextVisibleAt(matches) };
}

/** Hides the tasks again from now on; unknown ids are ignored. */
export function extendTasks(
  { tables, now }: Transition,
  taskIds: readonly string[],
  visibilityMs: number,
): void {
  for (const id of taskIds) tables.tasks.extend(id, now + visibilityMs);
}

/** Takes back what was taken in vain; unknown ids are ignored. */
export function returnTasks({ tables, now }: Transition, returns: readonly TaskReturn[]): void {
  for (const { taskId, afterMs } of returns) tables.tasks.giveBack(taskId, now + afterMs);
}

/** Remembers since when nobody serves the tasks; unknown ids are ignored. */
export function markUnserved({ tables, now }: Transition, taskIds: readonly string[]): void {
  for (const id of taskIds) tables.tasks.markUnserved(id, now);
}

/** What nobody serves, of the tasks of these runs. */
export function listUnserved(
  { tables, now }: Transition,
  runIds: readonly string[],
): readonly UnservedTask[] {
  return runIds.flatMap((runId) => tables.tasks.unserved(runId, now - UNTAKEN_MS));
}
