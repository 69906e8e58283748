import type { RemoteTask, TakenTask, UnservedTask } from '../state-store.js';
import { copyOf } from './copy.js';
import { MultiMap } from './multi-map.js';

interface TaskRow {
  readonly task: RemoteTask;
  readonly visibleAt: number;
  /** How often it was taken and not given back. */
  readonly takes: number;
  readonly unservedSince: number | null;
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
    const row = { task: copyOf(task), visibleAt: now, takes: 0, unservedSince: null };
    this.#rows.set(task.id, row);
    this.#byRun.add(task.runId, task.id);
  }

  delete(task: RemoteTask): void {
    this.#rows.delete(task.id);
    this.#byRun.delete(task.runId, task.id);
  }

  deleteRun(runId: string): void {
    for (const id of this.#byRun.take(runId)) this.#rows.delete(id);
  }

  /** Hands a task out, and counts that. */
  take({ id }: RemoteTask, until: number): TakenTask[] {
    const row = this.#rows.get(id);
    if (!row) return [];
    const takes = row.takes + 1;
    this.#rows.set(id, { ...row, takes, visibleAt: until });
    return [{ ...copyOf(row.task), takes, isUnserved: row.unservedSince !== null }];
  }

  /** Somebody has it. */
  extend(taskId: string, until: number): void {
    const row = this.#rows.get(taskId);
    if (row) this.#rows.set(taskId, { ...row, visibleAt: until, unservedSince: null });
  }

  giveBack(taskId: string, at: number): void {
    const row = this.#rows.get(taskId);
    if (row) this.#rows.set(taskId, { ...row, visibleAt: at, takes: Math.max(0, row.takes - 1) });
  }

  markUnserved(taskId: string, now: number): void {
    const row = this.#rows.get(taskId);
    if (row) this.#rows.set(taskId, { ...row, unservedSince: row.unservedSince ?? now });
  }

  /** Tasks of the run that are marked, or were not taken since `untakenSince`. */
  unserved(runId: string, untakenSince: number): UnservedTask[] {
    const rows = this.#byRun.get(runId).flatMap((id) => this.#rows.get(id) ?? []);
    return rows.flatMap(({ task, visibleAt, unservedSince }) => {
      if (unservedSince === null && visibleAt > untakenSince) return [];
      return [{ runId, position: task.position, since: unservedSince ?? visibleAt }];
    });
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
