import type { RunRecord } from '../../model/run.js';

/** A row of the ready list: when somebody has to look at a run, at the earliest. */
export interface ReadyRow {
  readonly runId: string;
  /** `workflow@version`. */
  readonly queue: string;
  readonly namespace: string;
  readonly priority: number;
  readonly wakeAt: number;
}

/** At most one row per run. */
export class ReadyList {
  readonly #rows = new Map<string, ReadyRow>();

  get(runId: string): ReadyRow | undefined {
    return this.#rows.get(runId);
  }

  /** Makes the row, or moves it forward in time: an earlier wake stays. */
  bring(run: RunRecord, wakeAt: number): void {
    const old = this.#rows.get(run.id);
    if (!old || old.wakeAt > wakeAt) this.set(run, wakeAt);
  }

  /** Makes or replaces the row. */
  set(run: RunRecord, wakeAt: number): void {
    const { id: runId, namespace, priority } = run;
    this.#rows.set(runId, { runId, queue: queueOf(run), namespace, priority, wakeAt });
  }

  remove(runId: string): void {
    this.#rows.delete(runId);
  }

  rows(): Iterable<ReadyRow> {
    return this.#rows.values();
  }
}

/** What a worker has to serve to be given the run. */
function queueOf(run: { readonly workflow: string; readonly version: string }): string {
  return `${run.workflow}@${run.version}`;
}

/** The order of claims: larger priority, then earlier wake, then id. */
export function byClaimOrder(a: ReadyRow, b: ReadyRow): number {
  return b.priority - a.priority || a.wakeAt - b.wakeAt || (a.runId < b.runId ? -1 : 1);
}
