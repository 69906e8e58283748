import type { RemoteTask } from '../state-store.js';
import { copyOf } from './copy.js';
import { MultiMap } from './multi-map.js';

interface TaskRow {
  readonly task: RemoteTask;
  readonly visibleAt: number;
}

/** The outbox of remote attempts. */
export class TaskTable {
  readonly #rows = new Map<string, TaskRow>();
  readonly #byRun = new MultiMap<string, string>();

  get(taskId: string): RemoteTask | undefined {
    return this.#rows.get(taskId)?.task;
  }

  /** Puts a task there, visible at once; does nothing if its id is there already. */
  insert(task: RemoteTask, now: number): void {
    if (this.#rows.has(task.id)) return;
    this.#rows.set(task.id, { task: copyOf(task), visibleAt: now });
    this.#byRun.add(task.runId, task.id);
  }

  delete(task: RemoteTask): void {
    this.#rows.delete(task.id);
    this.#byRun.delete(task.runId, task.id);
  }

  deleteRun(runId: string): void {
    for (const id of this.#byRun.take(runId)) this.#rows.delete(id);
  }

  hide(taskId: string, until: number): void {
    const row = this.#rows.get(taskId);
    if (row) this.#rows.set(taskId, { ...row, visibleAt: until });
  }

  /** Visible tasks that match, in the order in which they are handed out: priority, time, id. */
  visible(matches: (task: RemoteTask) => boolean, now: number): RemoteTask[] {
    return this.#matching(matches)
      .filter((row) => row.visibleAt <= now)
      .sort(byTakeOrder)
      .map((row) => row.task);
  }

  /** Earliest time at which a matching task is or becomes visible; null if there is none. */
  nextVisibleAt(matches: (task: RemoteTask) => boolean): number | null {
    const rows = this.#matching(matches);
    return rows.reduce<number | null>((min, { visibleAt }) => earlier(min, visibleAt), null);
  }

  #matching(matches: (task: RemoteTask) => boolean): TaskRow[] {
    return [...this.#rows.values()].filter((row) => matches(row.task));
  }
}

function byTakeOrder(a: TaskRow, b: TaskRow): number {
  const byPriority = b.task.priority - a.task.priority;
  return byPriority || a.visibleAt - b.visibleAt || (a.task.id < b.task.id ? -1 : 1);
}

function earlier(a: number | null, b: number): number {
  return a === null ? b : Math.min(a, b);
}
