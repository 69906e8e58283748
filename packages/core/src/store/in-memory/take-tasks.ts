import type { RemoteTask, TakeTasksRequest, TakeTasksResult } from '../state-store.js';
import { copyOf } from './copy.js';
import type { Transition } from './transition.js';

/** Leases visible tasks to a taker: they stay out of sight until their visibility runs out. */
export function takeTasks({ tables, now }: Transition, request: TakeTasksRequest): TakeTasksResult {
  const { namespace, steps, limit, visibilityMs } = request;
  const matches = (task: RemoteTask): boolean =>
    task.namespace === namespace && (steps === null || steps.includes(task.step));
  const taken = tables.tasks.visible(matches, now).slice(0, limit);
  for (const { id } of taken) tables.tasks.hide(id, now + visibilityMs);
  return { tasks: taken.map(copyOf), nextVisibleAt: tables.tasks.nextVisibleAt(matches) };
}

/** Hides the tasks again from now on; unknown ids are ignored. */
export function extendTasks(
  { tables, now }: Transition,
  taskIds: readonly string[],
  visibilityMs: number,
): void {
  for (const id of taskIds) tables.tasks.hide(id, now + visibilityMs);
}
