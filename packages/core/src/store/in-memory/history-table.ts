import type { HistoryEvent } from '../../model/history.js';
import { copyOf } from './copy.js';

/** Append-only events by run and branch; `seq` is dense from 1. */
export class HistoryTable {
  readonly #runs = new Map<string, Map<number, HistoryEvent[]>>();

  /** `seq` of the branch's last event, 0 when it has none. */
  lastSeq(runId: string, branch: number): number {
    return this.#log(runId, branch).at(-1)?.seq ?? 0;
  }

  append(runId: string, branch: number, events: readonly HistoryEvent[]): void {
    if (events.length === 0) return;
    const branches = this.#runs.get(runId) ?? new Map<number, HistoryEvent[]>();
    const log = branches.get(branch) ?? [];
    for (const event of events) log.push(copyOf(event));
    this.#runs.set(runId, branches.set(branch, log));
  }

  /** Copies of the events after `after`, at most `limit`. */
  read(runId: string, branch: number, after: number, limit = Infinity): HistoryEvent[] {
    const from = Math.max(0, after);
    return this.#log(runId, branch)
      .slice(from, from + limit)
      .map(copyOf);
  }

  delete(runId: string): void {
    this.#runs.delete(runId);
  }

  #log(runId: string, branch: number): readonly HistoryEvent[] {
    return this.#runs.get(runId)?.get(branch) ?? [];
  }
}
