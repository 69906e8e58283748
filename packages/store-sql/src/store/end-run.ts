/**
 * The end of a run, whoever brings it about. T6: every terminal transition goes through here, and tells the parent in
 * the same transaction, whatever the parent's branch is by now.
 */
import { parentEndedReason, type RunOutcome } from '@dudousxd/nestjs-durable-core';
import { change, lockRows, rows, rowsOfEach, type Script } from '../sql/script.js';
import { CLEAR_INBOX } from '../statements/inbox.js';
import { DELETE_READY } from '../statements/ready.js';
import { END_RUN, LIVING_CHILDREN, LOCK_TERMINABLE, type RunHead } from '../statements/runs.js';
import { DELETE_WAITS, WAITS_OF_RUN } from '../statements/signals.js';
import { DELETE_TASKS } from '../statements/tasks.js';
import { deliverAll, endMessage } from './deliver.js';
import { lockTokens } from './mailboxes.js';
import type { Transition, Woken } from './transition.js';

/** A run that ends, for the item that ends it. */
export interface Ending {
  readonly run: RunHead;
  readonly outcome: RunOutcome;
  readonly woken: Woken;
  /** Ended by others than its owner: the epoch grows, so that the owner is fenced off. */
  readonly byForce?: boolean;
}

/**
 * Makes runs terminal, removes what only a living run needs, and tells their parents. The mailboxes that they waited at
 * are touched: the caller settles them.
 */
export function* endRuns(tx: Transition, endings: readonly Ending[]): Script<void> {
  const ids = endings.map(({ run }) => [run.id]);
  yield* change(
    END_RUN,
    endings.map(({ run, outcome: { status, output, error, reason }, byForce }) => {
      return [status, output, error, reason, tx.now, byForce ? 1 : 0, run.id];
    }),
  );
  yield* change(DELETE_READY, ids);
  yield* change(CLEAR_INBOX, ids);
  yield* change(DELETE_TASKS, ids);
  for (const { run, woken } of endings) woken.delete(run.id);
  yield* closeWaits(tx, endings);
  yield* deliverAll(
    tx,
    endings.flatMap(({ run, outcome, woken }) => {
      const message = endMessage(run, outcome);
      return message ? [{ message, woken }] : [];
    }),
  );
}

/** Closes all open waits of runs; their payloads go to the next in line. */
export function* closeWaits(
  { mailboxes }: Transition,
  closings: readonly Pick<Ending, 'run' | 'woken'>[],
): Script<void> {
  const waits = yield* rowsOfEach(
    WAITS_OF_RUN,
    closings.map(({ run }) => [run.id]),
  );
  const waiting = closings.filter((_, i) => (waits[i]?.length ?? 0) > 0);
  if (waiting.length === 0) return;
  // Held already, but for children that end with their parent.
  yield* lockTokens(waits.flat());
  yield* mailboxes.touch(
    closings.flatMap(({ woken }, i) => (waits[i] ?? []).map((ref) => ({ ref, woken }))),
  );
  yield* change(
    DELETE_WAITS,
    waiting.map(({ run }) => [run.id]),
  );
}

/** Ends a run as `cancelled` whatever it is doing. Its children follow their policies. */
export function* terminateRun(
  tx: Transition,
  { run, reason, woken }: { readonly run: RunHead; readonly reason: string; readonly woken: Woken },
): Script<void> {
  const outcome: RunOutcome = { status: 'cancelled', output: null, error: null, reason };
  yield* endRuns(tx, [{ run, outcome, woken, byForce: true }]);
  yield* closeChildren(tx, run, woken);
}

/** Does to each living child what its policy says. */
export function* closeChildren(
  tx: Transition,
  parent: Pick<RunHead, 'id' | 'branch'>,
  woken: Woken,
): Script<void> {
  yield* lockRows(LOCK_TERMINABLE, [[parent.id, parent.branch]]);
  const children = yield* rows(LIVING_CHILDREN, [parent.id, parent.branch]);
  if (children.length === 0) return;
  const reason = parentEndedReason(parent.id);
  const cancelled = children.filter(({ close_policy }) => close_policy === 'cancel');
  yield* deliverAll(
    tx,
    cancelled.map(({ id: runId }) => ({
      message: { runId, branch: null, key: 'cancel', body: { kind: 'cancel', reason } },
      woken,
    })),
  );
  for (const run of children) {
    if (run.close_policy === 'terminate') yield* terminateRun(tx, { run, reason, woken });
  }
}
