/** Writes turns that have passed their checks and do not concern each other. One statement per kind of row. */
import {
  childConflictOutcome,
  type InboxMessage,
  isSameChild,
  isTerminal,
  type NewRun,
} from '@dudousxd/nestjs-durable-core';
import { change, firstOfEach, insertNew, rowsOfEach, type Script } from '../../sql/script.js';
import type { Params } from '../../sql/statement.js';
import { INSERT_HISTORY } from '../../statements/history.js';
import { DELETE_MESSAGE } from '../../statements/inbox.js';
import { SET_READY } from '../../statements/ready.js';
import { GET_RUN, INSERT_RUN, type RunRow } from '../../statements/runs.js';
import {
  CLOSE_WAIT,
  CONSUME_SIGNAL,
  LAST_IN_LINE,
  REGISTER_WAIT,
  WITHDRAW_WAIT,
} from '../../statements/signals.js';
import { END_TASK, INSERT_TASK } from '../../statements/tasks.js';
import { isDue } from '../create-runs.js';
import { childKey, type Delivery, deliverAll, endMessage } from '../deliver.js';
import { historyParams, newRunParams, recordOfNew, taskParams, toRunRecord } from '../rows.js';
import type { Transition } from '../transition.js';
import { readyParams, wakeRuns } from '../wake.js';
import { applyChanges } from './apply-changes.js';
import { changedTokens, type TurnPlan } from './turn-plan.js';

/** Writes the turns, their history included. */
export function* applyTurns(tx: Transition, plans: readonly TurnPlan[]): Script<void> {
  yield* change(
    INSERT_HISTORY,
    plans.flatMap(({ turn }) => historyOf(turn)),
  );
  yield* applySignals(tx, plans);
  yield* applyTasks(tx, plans);
  yield* change(
    DELETE_MESSAGE,
    plans.flatMap(({ turn }) => turn.consumedInbox.map((id) => [Number(id)])),
  );
  const answers = yield* startChildren(tx, plans);
  const messages = plans.flatMap(({ turn, woken }) =>
    turn.messages.map((message) => ({ message, woken })),
  );
  yield* deliverAll(tx, [...answers, ...messages]);
  yield* wakeRuns(tx.now, yield* tx.mailboxes.settle());
  yield* applyChanges(tx, plans);
}

/** The rows that a turn appends to its history. */
export function historyOf({ runId, branch, events }: TurnPlan['turn']): readonly Params[] {
  return events.map((event) => historyParams(runId, branch, event));
}

function* applySignals({ mailboxes }: Transition, plans: readonly TurnPlan[]): Script<void> {
  const touches = plans.flatMap((plan) =>
    changedTokens(plan).map((ref) => ({ ref, woken: plan.woken })),
  );
  if (touches.length === 0) return;
  yield* mailboxes.touch(touches);
  const consumed = plans.flatMap(({ turn }) =>
    turn.consumedSignals.map((signal) => ({ ...signal, turn })),
  );
  yield* change(
    CONSUME_SIGNAL,
    consumed.map(({ turn, token, messageId }) => [turn.namespace, token, messageId]),
  );
  yield* change(
    CLOSE_WAIT,
    consumed.map(({ turn, token }) => [turn.runId, token]),
  );
  yield* registerWaits(plans);
  yield* change(
    WITHDRAW_WAIT,
    plans.flatMap(({ turn }) =>
      turn.withdrawals.map(({ token, position }) => [turn.runId, token, position]),
    ),
  );
}

function* registerWaits(plans: readonly TurnPlan[]): Script<void> {
  const waits = plans.flatMap(({ turn }) => turn.waits.map((wait) => ({ ...wait, turn })));
  const last = yield* rowsOfEach(
    LAST_IN_LINE,
    waits.map(({ turn, token }) => [turn.namespace, token]),
  );
  yield* change(
    REGISTER_WAIT,
    waits.map(({ turn, token, position, deadline }, i) => {
      const line = (last[i]?.[0]?.line_no ?? 0) + 1;
      return [turn.runId, token, turn.namespace, position, deadline, line];
    }),
  );
}

function* applyTasks({ now }: Transition, plans: readonly TurnPlan[]): Script<void> {
  yield* change(
    INSERT_TASK,
    plans.flatMap(({ turn }) =>
      turn.tasks.map((task) => taskParams(task, now + (task.hiddenMs ?? 0))),
    ),
  );
  yield* change(
    END_TASK,
    plans.flatMap(({ turn }) => turn.endedTasks.map((id) => [id, turn.runId])),
  );
}

interface ChildStart {
  readonly child: NewRun;
  readonly plan: TurnPlan;
}

/** Starts children. Answers with what to tell the parents of those whose ids are taken. */
function* startChildren(
  { now }: Transition,
  plans: readonly TurnPlan[],
): Script<readonly Delivery[]> {
  const starts: readonly ChildStart[] = plans.flatMap((plan) =>
    plan.turn.children.map((child) => ({ child, plan })),
  );
  const records = starts.map(({ child }) => recordOfNew(child, now, null));
  const isNew = yield* insertNew(INSERT_RUN, records.map(newRunParams));
  const ready: Params[] = [];
  starts.forEach(({ child, plan }, i) => {
    if (!isNew[i]) return;
    ready.push(readyParams(child, Math.max(now, child.startAt ?? now)));
    if (isDue(child, now)) plan.woken.add(child.id);
  });
  yield* change(SET_READY, ready);
  return yield* answersOf(starts.filter((_, i) => !isNew[i]));
}

function* answersOf(starts: readonly ChildStart[]): Script<readonly Delivery[]> {
  const existing = yield* firstOfEach(
    GET_RUN,
    starts.map(({ child }) => [child.id]),
  );
  return starts.flatMap(({ child, plan }, i) => {
    const row = existing[i];
    const message = row && answerOf(child, row, plan);
    return message ? [{ message, woken: plan.woken }] : [];
  });
}

/**
 * A child that was started before, by another branch, stays as it is, and tells of its end again if it has ended. One
 * whose id another run has cannot start: its parent is told as if the child had failed.
 */
function answerOf(child: NewRun, row: RunRow, { turn }: TurnPlan): InboxMessage | undefined {
  if (!child.parent) return undefined;
  const existing = toRunRecord(row);
  if (isSameChild(child, existing)) {
    const { status, output, error, reason } = existing;
    return isTerminal(status) ? endMessage(row, { status, output, error, reason }) : undefined;
  }
  const { position } = child.parent;
  const outcome = childConflictOutcome(child, existing);
  return {
    runId: turn.runId,
    branch: turn.branch,
    key: childKey(position, child.id),
    body: { kind: 'child', position, childRunId: child.id, outcome },
  };
}
