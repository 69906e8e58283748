/**
 * The end of a run, whoever brings it about. T6: every terminal transition goes through here, and tells the parent in
 * the same transition, whatever the parent's branch is by now.
 */
import type { ClosePolicy, RunOutcome, RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import { parentEndedReason } from '../reasons.js';
import { deliver, notifyParent } from './deliver.js';
import type { Transition } from './transition.js';

/** Makes the run terminal, removes what only a living run needs, and tells its parent. */
export function endRun(tx: Transition, run: RunRecord, outcome: RunOutcome): RunRecord {
  const { status, output, error, reason } = outcome;
  const { runs, ready, inbox, tasks } = tx.tables;
  const end = { status, output, error, reason, worker: null, finishedAt: tx.now, waitingFor: [] };
  const ended = runs.put({ ...run, ...end });
  ready.remove(run.id);
  inbox.deleteRun(run.id);
  tasks.deleteRun(run.id);
  tx.closeWaits(run);
  notifyParent(tx, ended);
  return ended;
}

/** Ends the run as `cancelled` whatever it is doing: its owner is fenced off. Its children follow their policies. */
export function terminateRun(tx: Transition, run: RunRecord, reason: string): RunRecord {
  const fenced = { ...run, epoch: run.epoch + 1 };
  const outcome: RunOutcome = { status: 'cancelled', output: null, error: null, reason };
  const ended = endRun(tx, fenced, outcome);
  closeChildren(tx, ended);
  return ended;
}

/** Does to each living child what its policy says. */
export function closeChildren(tx: Transition, parent: RunRecord): void {
  const reason = parentEndedReason(parent.id);
  for (const child of tx.tables.runs.childrenOf(parent.id, parent.branch)) {
    if (child.parent && !isTerminal(child.status)) {
      closeChild(tx, child, { policy: child.parent.closePolicy, reason });
    }
  }
}

interface Closing {
  readonly policy: ClosePolicy;
  readonly reason: string;
}

function closeChild(tx: Transition, child: RunRecord, { policy, reason }: Closing): void {
  switch (policy) {
    case 'cancel':
      deliver(tx, {
        runId: child.id,
        branch: null,
        key: 'cancel',
        body: { kind: 'cancel', reason },
      });
      return;
    case 'terminate':
      terminateRun(tx, child, reason);
      return;
    case 'abandon':
      return;
    default:
      policy satisfies never;
  }
}
