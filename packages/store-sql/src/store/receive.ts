import { type Arrival, type InboxBody, isTerminal } from '@dudousxd/nestjs-durable-core';
import { firstOfEach, rowsOfEach, type Script } from '../sql/script.js';
import { HAS_MESSAGE, type InboxRow, RECEIVABLE_MESSAGES } from '../statements/inbox.js';
import type { RunHead } from '../statements/runs.js';
import { type OpenWait, PAYLOAD_TEXT, WAITS_OF_RUN } from '../statements/signals.js';
import type { TokenMatch } from './mailboxes.js';
import type { Transition } from './transition.js';

type Receiver = Pick<RunHead, 'id' | 'branch' | 'status'>;

interface InTime {
  readonly arrival: Arrival;
  readonly acceptedAt: number;
}

/**
 * What each run can be given now, in order of acceptance; at the same millisecond the inbox comes before signals, and
 * signals in the order of the positions that wait for them. Answers in order; a terminal run receives nothing.
 */
export function* receiveAll(
  tx: Transition,
  runs: readonly Receiver[],
): Script<readonly (readonly Arrival[])[]> {
  const living = runs.filter(({ status }) => !isTerminal(status));
  const messages = yield* rowsOfEach(
    RECEIVABLE_MESSAGES,
    living.map(({ id, branch }) => [id, branch]),
  );
  const signals = yield* receiveSignals(tx, living);
  const arrivals = new Map(
    living.map((run, i) => [run, inOrder(messages[i] ?? [], signals[i] ?? [])]),
  );
  return runs.map((run) => arrivals.get(run) ?? []);
}

/** Whether each run could be given anything now. Answers in order. */
export function* haveArrivals(
  tx: Transition,
  runs: readonly Receiver[],
): Script<readonly boolean[]> {
  const messages = yield* firstOfEach(
    HAS_MESSAGE,
    runs.map(({ id, branch }) => [id, branch]),
  );
  const rest = runs.filter((_, i) => !messages[i]);
  const matched = yield* matchedWaits(tx, rest);
  const signalled = new Set(rest.filter((_, i) => (matched[i]?.length ?? 0) > 0));
  return runs.map((run, i) => messages[i] !== undefined || signalled.has(run));
}

interface MatchedWait {
  readonly wait: OpenWait;
  readonly match: TokenMatch;
}

/** The open waits of each run that a payload is meant for. */
function* matchedWaits(
  { mailboxes }: Transition,
  runs: readonly Receiver[],
): Script<readonly (readonly MatchedWait[])[]> {
  const waits = yield* rowsOfEach(
    WAITS_OF_RUN,
    runs.map(({ id }) => [id]),
  );
  const matchesOf = yield* mailboxes.matches(waits.flat());
  return runs.map(({ id }, i) =>
    (waits[i] ?? []).flatMap((wait) => {
      const match = matchesOf(wait).find((candidate) => candidate.wait.runId === id);
      return match ? [{ wait, match }] : [];
    }),
  );
}

function* receiveSignals(
  tx: Transition,
  runs: readonly Receiver[],
): Script<readonly (readonly InTime[])[]> {
  const matched = yield* matchedWaits(tx, runs);
  const all = matched.flat();
  const texts = yield* firstOfEach(
    PAYLOAD_TEXT,
    all.map(({ match }) => [match.payload.seq]),
  );
  const payloadOf = new Map(all.map(({ match }, i) => [match, texts[i]?.payload]));
  return matched.map((waits) =>
    [...waits]
      .sort((a, b) => a.match.wait.position - b.match.wait.position)
      .flatMap(({ wait, match }) => {
        const payload = payloadOf.get(match);
        // Where the tokens are not locked, the line may have moved on: the payload has gone to another run.
        return payload === undefined ? [] : [toSignal(wait, match, payload)];
      }),
  );
}

function toSignal({ token }: OpenWait, match: TokenMatch, payload: string): InTime {
  const { id: messageId, acceptedAt } = match.payload;
  const { position } = match.wait;
  return {
    arrival: { type: 'signal', token, position, messageId, payload, acceptedAt },
    acceptedAt,
  };
}

function inOrder(messages: readonly InboxRow[], signals: readonly InTime[]): readonly Arrival[] {
  if (messages.length === 0 && signals.length === 0) return [];
  const inbox = messages.map(({ id, body, accepted_at }): InTime => {
    const message = { messageId: String(id), body: JSON.parse(body) as InboxBody };
    return { arrival: { type: 'inbox', ...message }, acceptedAt: accepted_at };
  });
  return [...inbox, ...signals]
    .sort((a, b) => a.acceptedAt - b.acceptedAt)
    .map(({ arrival }) => arrival);
}
