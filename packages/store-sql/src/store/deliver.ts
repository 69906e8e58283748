import {
  branchOf,
  type DeliverResult,
  type InboxMessage,
  type RunOutcome,
} from '@dudousxd/nestjs-durable-core';
import { firstOfEach, insertNew, lockRows, type Script } from '../sql/script.js';
import { ANY_BRANCH, INSERT_MESSAGE } from '../statements/inbox.js';
import { GET_HEAD, LOCK_RUN, type RunHead } from '../statements/runs.js';
import { toParentRef } from './rows.js';
import { begin, type Transition, type Woken } from './transition.js';
import { isWakeable, wakeHeads } from './wake.js';

/** A message on its way into an inbox, for the item that sends it. */
export interface Delivery {
  readonly message: InboxMessage;
  readonly woken: Woken;
}

/** The verb `deliver`: each message is an item of its own. */
export function* deliverMessages(
  messages: readonly InboxMessage[],
): Script<readonly DeliverResult[]> {
  const tx = yield* begin();
  const deliveries = messages.map((message) => ({ message, woken: new Set<string>() }));
  const outcomes = yield* deliverAll(tx, deliveries);
  return deliveries.map(({ woken }, i) => ({
    outcome: outcomes[i] ?? 'ignored',
    woken: [...woken],
  }));
}

/** Puts messages into inboxes and wakes their runs (T4). Answers in order. */
export function* deliverAll(
  { now }: Transition,
  deliveries: readonly Delivery[],
): Script<readonly DeliverResult['outcome'][]> {
  const heads = yield* headsOf(deliveries.map(({ message }) => message.runId));
  const sent = deliveries.flatMap(({ message, woken }, i) => {
    const head = heads[i];
    return head && takes(head, message) ? [{ message, woken, head, i }] : [];
  });
  const isNew = yield* insertNew(
    INSERT_MESSAGE,
    sent.map(({ message, head }) => messageParams(message, head, now)),
  );
  yield* wakeHeads(
    now,
    sent.filter((_, at) => isNew[at]),
  );
  const outcomes = deliveries.map((): DeliverResult['outcome'] => 'ignored');
  sent.forEach(({ i }, at) => {
    outcomes[i] = isNew[at] ? 'accepted' : 'duplicate';
  });
  return outcomes;
}

/**
 * The runs as they are. One that `retry` can put back to work is locked, so that whoever does so either has done so or
 * finds what happens here: a message to a blocked run, or the end of a child that a failed run is not told of.
 */
function* headsOf(runIds: readonly string[]): Script<readonly (RunHead | undefined)[]> {
  const params = runIds.map((id) => [id]);
  const heads = yield* firstOfEach(GET_HEAD, params);
  const retryable = heads.flatMap((head) => (head && isRetryable(head) ? [head.id] : []));
  if (retryable.length === 0) return heads;
  const ids = [...new Set(retryable)].sort();
  yield* lockRows(
    LOCK_RUN,
    ids.map((id) => [id]),
  );
  return yield* firstOfEach(GET_HEAD, params);
}

function isRetryable({ status }: RunHead): boolean {
  return status === 'blocked' || status === 'failed';
}

function takes({ status, branch }: RunHead, message: InboxMessage): boolean {
  if (!isWakeable(status) && status !== 'blocked') return false;
  return message.branch === null || message.branch === branch;
}

function messageParams(message: InboxMessage, head: RunHead, now: number) {
  const { runId, key, body } = message;
  return [runId, branchOf(message, head) ?? ANY_BRANCH, key, JSON.stringify(body), now];
}

/** Inbox key of a child's end, or of the refusal to start it. */
export function childKey(position: number, childRunId: string): string {
  return `child:${position}:${childRunId}`;
}

/** What a run's parent is told of its end, whatever its branch is by now; undefined when it has no parent (T6). */
export function endMessage(run: RunHead, outcome: RunOutcome): InboxMessage | undefined {
  const parent = toParentRef(run);
  if (!parent) return undefined;
  const { runId, position } = parent;
  return {
    runId,
    branch: null,
    key: childKey(position, run.id),
    body: { kind: 'child', position, childRunId: run.id, outcome },
  };
}
