/**
 * Watches every call that reaches the store, at the moment of its execution, and keeps its own books: the history each
 * branch must have, the record of each run, the line of each token. It never looks at what an engine believes.
 *
 * Checked here, at once: I1 (one outcome per operation, never changed), I4 (a committed turn is its owner's; epochs
 * only grow), I5 (history grows densely at its end), I6 and I7 (a payload is consumed once, in order of acceptance),
 * I8 (no timer before its deadline by the database's clock), I10 and the status table.
 */

import type {
  CommitResult,
  DeliverResult,
  HistoryEvent,
  RetryRequest,
  RunRecord,
  SignalMessage,
  StateStore,
  Turn,
} from '@dudousxd/nestjs-durable-core';
import { canTransition, isTerminal } from '@dudousxd/nestjs-durable-core';
import type { Violations } from './violations.js';

/** A signal that the store has accepted. */
export interface AcceptedSignal {
  readonly token: string;
  readonly id: string;
  readonly order: number;
  readonly acceptedAt: number;
  consumedBy: { readonly runId: string; readonly branch: number; readonly position: number } | null;
}

/** The books of one branch of a run. */
export interface BranchBook {
  readonly events: HistoryEvent[];
  /** Database time at which each event became durable. */
  readonly durableAt: number[];
  /** Position → `seq` of its outcome. */
  readonly outcomes: Map<number, number>;
  /** Position → its `scheduled` event. */
  readonly scheduled: Map<number, HistoryEvent>;
  settled: number;
}

export interface ObserverOptions {
  readonly store: StateStore;
  readonly now: () => number;
  readonly violations: Violations;
  /** How far ahead of the database's clock a worker's estimate of it may be now. */
  readonly allowanceMs: (worker: string) => number;
}

export class Observer {
  readonly runs = new Map<string, RunRecord>();
  readonly signals = new Map<string, AcceptedSignal>();
  /** Calls executed that may have changed something. */
  writes = 0;
  private readonly branches = new Map<string, BranchBook>();
  private readonly lastOwned = new Map<
    string,
    { readonly worker: string; readonly epoch: number }
  >();
  private readonly lastConsumed = new Map<string, number>();
  /** Runs that have ever waited for a token. */
  private readonly waiters = new Map<string, Set<string>>();
  private readonly options: ObserverOptions;

  constructor(options: ObserverOptions) {
    this.options = options;
  }

  book(runId: string, branch: number): BranchBook {
    const key = `${runId}\n${branch}`;
    let book = this.branches.get(key);
    if (book === undefined) {
      book = { events: [], durableAt: [], outcomes: new Map(), scheduled: new Map(), settled: 0 };
      this.branches.set(key, book);
    }
    return book;
  }

  /** Every branch that has history. */
  *books(): Generator<{
    readonly runId: string;
    readonly branch: number;
    readonly book: BranchBook;
  }> {
    for (const [key, book] of this.branches) {
      const [runId = '', branch = '0'] = key.split('\n');
      yield { runId, branch: Number(branch), book };
    }
  }

  /** Reads the records again that a call may have changed. */
  async refresh(runIds: Iterable<string>): Promise<void> {
    for (const runId of new Set(runIds)) {
      this.writes += 1;
      const run = await this.options.store.getRun(runId);
      if (run !== undefined) this.see(run);
      else this.runs.delete(runId);
    }
  }

  afterCommit(
    turns: readonly Turn[],
    results: readonly CommitResult[],
    before: ReadonlyMap<string, RunRecord>,
  ): void {
    const moved = new Set<string>();
    turns.forEach((turn, i) => {
      if (results[i]?.outcome !== 'committed') return;
      const book = this.book(turn.runId, turn.branch);
      const first = turn.events[0];
      if (first !== undefined && first.seq <= book.events.length) {
        this.checkRepeat(turn, book);
        return;
      }
      if (!moved.has(turn.runId)) this.checkOwner(turn, before.get(turn.runId));
      if (turn.change !== null) moved.add(turn.runId);
      for (const event of turn.events) this.append(turn, book, event);
      this.consume(turn);
      if (turn.change?.to === 'settled') this.settle(turn, book, before.get(turn.runId));
    });
  }

  private settle(
    { runId, branch, worker, change }: Turn,
    book: BranchBook,
    before: RunRecord | undefined,
  ): void {
    book.settled += 1;
    this.check(book.settled === 1, 'I10', () => `run ${runId} ended twice on branch ${branch}`);
    const error = change?.to === 'settled' ? (change.outcome.error ?? '') : '';
    if (!error.includes('RunTimeoutError') || before?.deadlineAt == null) return;
    const earlyMs = before.deadlineAt - this.options.now();
    const early = earlyMs > 0 && earlyMs > this.options.allowanceMs(worker);
    this.check(!early, 'I8', () => `run ${runId} timed out ${earlyMs} ms before its deadline`);
  }

  afterSignal(messages: readonly SignalMessage[], results: readonly DeliverResult[]): void {
    messages.forEach((message, i) => {
      const key = signalKey(message.token, message.id);
      const known = this.signals.has(key);
      const outcome = results[i]?.outcome;
      this.check(outcome !== 'accepted' || !known, 'I6', () => `signal ${key} was accepted twice`);
      if (outcome !== 'accepted' || known) return;
      const { token, id } = message;
      const order = this.signals.size;
      this.signals.set(key, { token, id, order, acceptedAt: this.options.now(), consumedBy: null });
    });
  }

  afterRetry({ runId, branch, events }: RetryRequest): void {
    if (events === null) return;
    const book = this.book(runId, branch + 1);
    for (const event of events) {
      this.check(
        event.seq === book.events.length + 1,
        'I5',
        () => `branch ${branch + 1} of ${runId} starts with a gap`,
      );
      this.note(book, event);
    }
  }

  private see(run: RunRecord): void {
    const last = this.runs.get(run.id);
    this.runs.set(run.id, run);
    if (last !== undefined) {
      const retried = run.branch !== last.branch || last.status === 'blocked';
      const moved = last.status === run.status || statusReachable(last.status, run.status);
      this.check(moved, 'I10', () => `run ${run.id} went from ${last.status} to ${run.status}`);
      this.check(
        !isTerminal(last.status) || retried || sameEnd(last, run),
        'I10',
        () => `the end of run ${run.id} changed`,
      );
      this.check(
        run.epoch >= last.epoch,
        'I4',
        () => `the epoch of ${run.id} fell from ${last.epoch} to ${run.epoch}`,
      );
    }
    if (run.worker !== null) this.checkEpoch(run, run.worker);
  }

  private checkEpoch(run: RunRecord, worker: string): void {
    const last = this.lastOwned.get(run.id);
    this.lastOwned.set(run.id, { worker, epoch: run.epoch });
    if (last === undefined || last.worker === worker) return;
    this.check(
      run.epoch > last.epoch,
      'I4',
      () => `run ${run.id} changed its owner at epoch ${run.epoch}`,
    );
  }

  private checkRepeat(turn: Turn, book: BranchBook): void {
    for (const event of turn.events) {
      const stored = book.events[event.seq - 1];
      const same = stored !== undefined && JSON.stringify(stored) === JSON.stringify(event);
      this.check(
        same,
        'I5',
        () => `seq ${event.seq} of run ${turn.runId} was acknowledged with another content`,
      );
    }
  }

  private checkOwner(turn: Turn, before: RunRecord | undefined): void {
    const held = before === undefined ? 'nobody' : `${before.worker}@${before.epoch}`;
    const own =
      before?.worker === turn.worker &&
      before.epoch === turn.epoch &&
      before.branch === turn.branch;
    this.check(
      own,
      'I4',
      () => `run ${turn.runId}, owned by ${held}, took a turn of ${turn.worker}@${turn.epoch}`,
    );
  }

  private append(turn: Turn, book: BranchBook, event: HistoryEvent): void {
    const { runId } = turn;
    this.check(
      event.seq === book.events.length + 1,
      'I5',
      () => `run ${runId} goes from seq ${book.events.length} to ${event.seq}`,
    );
    const { position } = event;
    if (position !== null && isOutcome(event)) {
      const earlier = book.outcomes.get(position);
      this.check(
        earlier === undefined,
        'I1',
        () =>
          `position ${position} of run ${runId} has outcomes at seq ${earlier} and ${event.seq}`,
      );
      this.checkDeadline(turn, book, event);
    }
    if (event.kind === 'signal' && event.detail?.token !== undefined) {
      this.noteWaiter(event.detail.token, runId);
    }
    this.note(book, event);
  }

  private noteWaiter(token: string, runId: string): void {
    const waiters = this.waiters.get(token) ?? new Set();
    this.waiters.set(token, waiters.add(runId));
  }

  private note(book: BranchBook, event: HistoryEvent): void {
    book.events.push(event);
    book.durableAt.push(this.options.now());
    if (event.position === null) return;
    if (isOutcome(event)) book.outcomes.set(event.position, event.seq);
    if (event.type === 'scheduled' && !book.scheduled.has(event.position))
      book.scheduled.set(event.position, event);
  }

  /** Whoever keeps a run in memory tells the time by its own clock since the database's last answer. */
  private checkDeadline({ runId, worker }: Turn, book: BranchBook, event: HistoryEvent): void {
    const fired = event.kind === 'sleep' ? event.type === 'completed' : isSignalTimeout(event);
    if (!fired) return;
    const deadline = book.scheduled.get(event.position ?? -1)?.detail?.deadline;
    const earlyMs =
      deadline === undefined ? Number.POSITIVE_INFINITY : deadline - this.options.now();
    const what = `${event.kind} at position ${event.position} of run ${runId}`;
    this.check(
      earlyMs <= 0 || earlyMs <= this.options.allowanceMs(worker),
      'I8',
      () => `${what} fired ${earlyMs} ms early`,
    );
  }

  private consume(turn: Turn): void {
    for (const { token, messageId, position } of turn.consumedSignals) {
      const signal = this.signals.get(signalKey(token, messageId));
      if (signal === undefined) {
        this.check(
          false,
          'I6',
          () => `run ${turn.runId} consumed ${messageId} of ${token}, which nobody sent`,
        );
        continue;
      }
      const { consumedBy } = signal;
      this.check(
        consumedBy === null,
        'I6',
        () => `signal ${messageId} of ${token} went to ${consumedBy?.runId} and ${turn.runId}`,
      );
      signal.consumedBy = { runId: turn.runId, branch: turn.branch, position };
      const line = `${turn.runId}\n${token}`;
      const last = this.lastConsumed.get(line) ?? -1;
      // What another run in line gave back may come to this one after a later payload.
      const alone = this.waiters.get(token)?.size === 1;
      this.check(
        !alone || signal.order > last,
        'I7',
        () => `run ${turn.runId} consumed ${messageId} of ${token} out of order`,
      );
      this.lastConsumed.set(line, signal.order);
    }
  }

  private check(...args: Parameters<Violations['check']>): void {
    this.options.violations.check(...args);
  }
}

export function signalKey(token: string, id: string): string {
  return `${token}\n${id}`;
}

function isOutcome(event: HistoryEvent): boolean {
  return event.type === 'completed' || event.type === 'failed';
}

function isSignalTimeout(event: HistoryEvent): boolean {
  return (
    event.kind === 'signal' &&
    event.type === 'failed' &&
    (event.payload ?? '').includes('SignalTimeoutError')
  );
}

function sameEnd(a: RunRecord, b: RunRecord): boolean {
  return (
    a.status === b.status &&
    a.output === b.output &&
    a.error === b.error &&
    a.finishedAt === b.finishedAt
  );
}

/** One call may move a run by more than one transition: a start that claims, a claim that is handed back. */
function statusReachable(from: RunRecord['status'], to: RunRecord['status']): boolean {
  return canTransition(from, to);
}
