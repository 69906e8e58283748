/**
 * One atomic transition over the tables. Everything here is synchronous, so that no other call can come in between:
 * that is this store's transaction. A transition checks first and writes afterwards; nothing but a
 * fault of the store itself throws in between.
 */
import type { RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import { newlyMatchedRuns } from '../signal-match.js';
import { HistoryTable } from './history-table.js';
import { InboxTable } from './inbox-table.js';
import type { Mailbox, MailboxMatch } from './mailbox.js';
import { MailboxTable } from './mailbox-table.js';
import { ReadyList } from './ready-list.js';
import { RunTable } from './run-table.js';
import { TaskTable } from './task-table.js';
import { WorkerTable } from './worker-table.js';

/** All that the store holds. */
export interface Tables {
  readonly runs: RunTable;
  readonly history: HistoryTable;
  readonly ready: ReadyList;
  readonly inbox: InboxTable;
  readonly mailboxes: MailboxTable;
  readonly tasks: TaskTable;
  readonly workers: WorkerTable;
}

export function createTables(): Tables {
  return {
    runs: new RunTable(),
    history: new HistoryTable(),
    ready: new ReadyList(),
    inbox: new InboxTable(),
    mailboxes: new MailboxTable(),
    tasks: new TaskTable(),
    workers: new WorkerTable(),
  };
}

/** A transition under way: its one point in time, the runs it has woken, and the mailboxes it changes. */
export class Transition {
  readonly tables: Tables;
  readonly now: number;
  readonly #woken = new Set<string>();
  readonly #touched = new Map<Mailbox, readonly MailboxMatch[]>();

  constructor(tables: Tables, now: number) {
    this.tables = tables;
    this.now = now;
  }

  /** The runs that a claim can find now because of this transition. */
  get woken(): string[] {
    return [...this.#woken].filter((runId) => this.tables.ready.get(runId));
  }

  /** Makes the run due now, unless it can do nothing about it: `retry` wakes a blocked run, nothing a terminal one. */
  wake(runId: string): void {
    const run = this.tables.runs.get(runId);
    if (!run || isTerminal(run.status) || run.status === 'blocked') return;
    this.tables.ready.bring(run, this.now);
    this.#woken.add(runId);
  }

  /** Notes a run whose ready row was made by other means. */
  noteWoken(runId: string): void {
    this.#woken.add(runId);
  }

  /** Says that the mailbox is about to change; `settleMailboxes` wakes whom the change concerns. */
  touch(mailbox: Mailbox): void {
    if (!this.#touched.has(mailbox)) this.#touched.set(mailbox, mailbox.match(this.now));
  }

  /** Wakes the runs whose waits have come to a payload by this transition. */
  settleMailboxes(): void {
    for (const [mailbox, before] of this.#touched) {
      for (const runId of newlyMatchedRuns(before, mailbox.match(this.now))) this.wake(runId);
    }
    this.#touched.clear();
  }

  /** Closes all open waits of a run; their payloads go to the next in line. */
  closeWaits(run: RunRecord): void {
    for (const mailbox of this.tables.mailboxes.waitedBy(run.id)) {
      this.touch(mailbox);
      this.tables.mailboxes.withdraw(mailbox, run.id);
    }
  }
}
