/**
 * Signals of the application's transactions. A transaction may stay open for as long as it likes, so that it must not hold
 * the lock of a token: it only appends. What has committed is moved into the mailboxes by sweeps, of any process.
 *
 * Order. Numbers of the outbox are given before they are seen, so that a sweep never remembers how far it has come: it takes
 * the oldest that are there. Those of one token are moved in the order of their numbers, which is the order in which they
 * were sent, if one was committed before the other was sent. Two sweeps keep it: a sweep that has a token's lock moves
 * what it has of the token's oldest rows, up to the first that another sweep has.
 */
import type { SignalMessage, SweepResult } from '@dudousxd/nestjs-durable-core';
import { change, first, rows, rowsOfEach, type Script } from '../sql/script.js';
import {
  APPEND_OUTBOX,
  DELETE_OUTBOX,
  HAS_OUTBOX,
  OUTBOX_LINE,
  type OutboxRow,
  TAKE_OUTBOX,
} from '../statements/outbox.js';
import { lockTokens, tokenKey } from './mailboxes.js';
import { acceptAll } from './signals.js';
import { begin } from './transition.js';

const NOTHING: SweepResult = { moved: 0, woken: [], more: false };

/** Appends signals to the outbox; takes no lock. */
export function* appendSignals(messages: readonly SignalMessage[]): Script<void> {
  yield* change(
    APPEND_OUTBOX,
    messages.map(({ namespace, token, id, ttlMs, payload }) => [
      namespace,
      token,
      id,
      ttlMs,
      payload,
    ]),
  );
}

/** The answer to a sweep that has nothing to do; undefined = there is something. */
export function* sweepNothing(): Script<SweepResult | undefined> {
  return (yield* first(HAS_OUTBOX, [])) === undefined ? NOTHING : undefined;
}

/** Moves the oldest signals into their mailboxes. */
export function* sweepOutbox(limit: number): Script<SweepResult> {
  const tx = yield* begin();
  const taken = yield* rows(TAKE_OUTBOX, [limit]);
  yield* lockTokens(taken);
  const movable = yield* inTurn(taken);
  const results = yield* acceptAll(tx, movable.map(toMessage));
  yield* change(
    DELETE_OUTBOX,
    movable.map(({ id }) => [id]),
  );
  return {
    moved: movable.length,
    woken: [...new Set(results.flatMap(({ woken }) => woken))],
    more: taken.length === limit && movable.length > 0,
  };
}

/**
 * Of each token, the rows before the first that another sweep has: it may have taken one in the middle, when a third had
 * the rows before.
 */
function* inTurn(taken: readonly OutboxRow[]): Script<readonly OutboxRow[]> {
  const lines = [...Map.groupBy(taken, tokenKey).values()];
  const present = yield* rowsOfEach(
    OUTBOX_LINE,
    lines.flatMap((line) => {
      const [oldest] = line;
      return oldest ? [[oldest.namespace, oldest.token, line.length]] : [];
    }),
  );
  const movable = lines.flatMap((line, i) => {
    const isElsewhere = ({ id }: OutboxRow, at: number): boolean => present[i]?.[at]?.id !== id;
    const gap = line.findIndex(isElsewhere);
    return gap < 0 ? line : line.slice(0, gap);
  });
  return movable.sort((a, b) => a.id - b.id);
}

function toMessage({
  namespace,
  token,
  signal_id: id,
  ttl_ms: ttlMs,
  payload,
}: OutboxRow): SignalMessage {
  return { namespace, token, id, ttlMs, payload };
}
