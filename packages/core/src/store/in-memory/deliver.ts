import { branchOf, type InboxMessage, type SignalMessage } from '../../model/message.js';
import type { RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import type { DeliverResult, TaskResult } from '../state-store.js';
import type { Transition } from './transition.js';

type Outcome = DeliverResult['outcome'];

/** Puts a message into a run's inbox and wakes the run (T4). */
export function deliver(tx: Transition, message: InboxMessage): Outcome {
  const run = tx.tables.runs.get(message.runId);
  if (!run || isTerminal(run.status)) return 'ignored';
  if (message.branch !== null && message.branch !== run.branch) return 'ignored';
  const kept = { ...message, branch: branchOf(message, run) };
  if (!tx.tables.inbox.insert(kept, tx.now)) return 'duplicate';
  tx.wake(run.id);
  return 'accepted';
}

/** Tells the parent, whatever its branch is by now, that a run has ended. Nothing to do for one without or before. */
export function notifyParent(tx: Transition, run: RunRecord): void {
  const { parent, status, output, error, reason } = run;
  if (!parent || !isTerminal(status)) return;
  deliver(tx, {
    runId: parent.runId,
    branch: null,
    key: childKey(parent.position, run.id),
    body: {
      kind: 'child',
      position: parent.position,
      childRunId: run.id,
      outcome: { status, output, error, reason },
    },
  });
}

/** Inbox key of a child's end, or of the refusal to start it. */
export function childKey(position: number, childRunId: string): string {
  return `child:${position}:${childRunId}`;
}

/** Puts a payload into its mailbox and wakes the run whose wait comes to it. */
export function acceptSignal(tx: Transition, message: SignalMessage): Outcome {
  const mailbox = tx.tables.mailboxes.open(message.namespace, message.token);
  tx.touch(mailbox);
  if (!mailbox.accept(message, tx.now)) return 'duplicate';
  tx.settleMailboxes();
  return 'accepted';
}

/** Turns the result of a remote attempt into an inbox message; the task is gone with it. */
export function completeTask(tx: Transition, { taskId, token, result }: TaskResult): Outcome {
  const task = tx.tables.tasks.get(taskId);
  if (!task || task.token !== token || task.attempt !== result.attempt) return 'ignored';
  const { runId, branch, position, attempt } = task;
  const key = `remote:${position}:${attempt}`;
  const outcome = deliver(tx, { runId, branch, key, body: { kind: 'remote', position, result } });
  tx.tables.tasks.delete(task);
  return outcome;
}
