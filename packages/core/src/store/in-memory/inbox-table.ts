import type { InboxBody, InboxMessage } from '../../model/message.js';
import { copyOf } from './copy.js';

/** A message as it lies in a run's inbox. */
export interface InboxRow {
  readonly messageId: string;
  readonly branch: number | null;
  readonly key: string;
  readonly body: InboxBody;
  readonly acceptedAt: number;
}

/** Messages by run, in order of acceptance. */
export class InboxTable {
  readonly #rows = new Map<string, InboxRow[]>();
  #nextId = 1;

  /** Stores the message unless one with the same run, branch and key lies there; returns whether it did. */
  insert({ runId, branch, key, body }: InboxMessage, acceptedAt: number): boolean {
    const rows = this.#rows.get(runId) ?? [];
    if (rows.some((row) => row.branch === branch && row.key === key)) return false;
    const messageId = String(this.#nextId++);
    rows.push({ messageId, branch, key, body: copyOf(body), acceptedAt });
    this.#rows.set(runId, rows);
    return true;
  }

  /** What the run's present branch can receive. */
  receivable(runId: string, branch: number): InboxRow[] {
    const rows = this.#rows.get(runId) ?? [];
    return rows.filter((row) => row.branch === null || row.branch === branch);
  }

  consume(runId: string, messageIds: readonly string[]): void {
    if (messageIds.length === 0) return;
    const gone = new Set(messageIds);
    this.#keep(runId, (row) => !gone.has(row.messageId));
  }

  /** Drops what was meant for one particular branch; what is for whichever is current stays. */
  dropBranches(runId: string): void {
    this.#keep(runId, (row) => row.branch === null);
  }

  deleteRun(runId: string): void {
    this.#rows.delete(runId);
  }

  #keep(runId: string, keeps: (row: InboxRow) => boolean): void {
    const rows = (this.#rows.get(runId) ?? []).filter(keeps);
    if (rows.length > 0) this.#rows.set(runId, rows);
    else this.#rows.delete(runId);
  }
}
