import type { NewRun, RunRecord } from '../../model/run.js';
import { childConflictOutcome, isSameChild } from '../child-conflict.js';
import type { RunChange, Turn } from '../state-store.js';
import { copyOf } from './copy.js';
import { insertRun } from './create-run.js';
import { childKey, deliver, notifyParent } from './deliver.js';
import { closeChildren, endRun } from './end-run.js';
import { hasArrivals } from './receive.js';
import type { Transition } from './transition.js';

/** Writes a turn that has passed its checks. */
export function applyTurn(tx: Transition, turn: Turn, run: RunRecord): void {
  tx.tables.history.append(run.id, run.branch, turn.events);
  applySignals(tx, turn);
  applyTasks(tx, turn);
  tx.tables.inbox.consume(run.id, turn.consumedInbox);
  for (const child of turn.children) startChild(tx, child, run);
  for (const message of turn.messages) deliver(tx, message);
  tx.settleMailboxes();
  if (turn.change) applyChange(tx, run, turn.change);
  else keepRunning(tx, turn, run);
  tx.settleMailboxes();
}

function applySignals(tx: Transition, turn: Turn): void {
  const { mailboxes } = tx.tables;
  for (const { token, messageId } of turn.consumedSignals) {
    const mailbox = mailboxes.open(turn.namespace, token);
    tx.touch(mailbox);
    mailboxes.consume(mailbox, messageId, turn.runId);
  }
  for (const wait of turn.waits) {
    const mailbox = mailboxes.open(turn.namespace, wait.token);
    tx.touch(mailbox);
    mailboxes.register(mailbox, turn.runId, wait);
  }
  for (const { token, position } of turn.withdrawals) {
    const mailbox = mailboxes.get(turn.namespace, token);
    if (mailbox?.wait(turn.runId)?.position !== position) continue;
    tx.touch(mailbox);
    mailboxes.withdraw(mailbox, turn.runId);
  }
}

function applyTasks({ tables, now }: Transition, { tasks, endedTasks, runId }: Turn): void {
  for (const { hiddenMs = 0, ...task } of tasks) tables.tasks.insert(task, now + hiddenMs);
  for (const id of endedTasks) {
    const task = tables.tasks.get(id);
    if (task?.runId === runId) tables.tasks.delete(task);
  }
}

/**
 * Starts a child. One that was started before, by another branch, stays as it is, and tells of its end again if it has
 * ended. One whose id another run has cannot start: its parent is told as if the child had failed.
 */
function startChild(tx: Transition, child: NewRun, parent: RunRecord): void {
  const existing = tx.tables.runs.get(child.id);
  if (!existing) {
    insertRun(tx, child, null);
    return;
  }
  if (!child.parent) return;
  if (isSameChild(child, existing)) {
    notifyParent(tx, existing);
    return;
  }
  const { position } = child.parent;
  deliver(tx, {
    runId: parent.id,
    branch: parent.branch,
    key: childKey(position, child.id),
    body: {
      kind: 'child',
      position,
      childRunId: child.id,
      outcome: childConflictOutcome(child, existing),
    },
  });
}

/** The run goes on. A due row that called for what has been consumed by now is dropped. */
function keepRunning(tx: Transition, turn: Turn, run: RunRecord): void {
  const consumed = turn.consumedInbox.length + turn.consumedSignals.length;
  if (consumed > 0 && !hasArrivals(tx, run)) tx.tables.ready.remove(run.id);
}

function applyChange(tx: Transition, run: RunRecord, change: RunChange): void {
  switch (change.to) {
    case 'suspended':
      suspend(tx, run, change);
      return;
    case 'settled': {
      const ended = endRun(tx, run, copyOf(change.outcome));
      if (change.hasChildren) closeChildren(tx, ended);
      return;
    }
    case 'blocked': {
      const { reason, error } = change;
      tx.tables.runs.put({ ...run, status: 'blocked', worker: null, reason, error });
      tx.tables.ready.remove(run.id);
      return;
    }
    default:
      change satisfies never;
  }
}

function suspend(
  tx: Transition,
  run: RunRecord,
  { wakeAt, waitingFor }: Extract<RunChange, { to: 'suspended' }>,
): void {
  const waiting = { waitingFor: copyOf(waitingFor), worker: null, crashes: 0 };
  const suspended = tx.tables.runs.put({ ...run, ...waiting, status: 'suspended' });
  if (hasArrivals(tx, suspended)) {
    tx.wake(run.id);
    return;
  }
  tx.tables.ready.remove(run.id);
  if (wakeAt === null) return;
  tx.tables.ready.set(suspended, wakeAt);
  if (wakeAt <= tx.now) tx.noteWoken(run.id);
}
