import {
  DEAD_WORKER_RETENTION_MS,
  type DeliverResult,
  type SignalMessage,
} from '@dudousxd/nestjs-durable-core';
import { change, databaseTime, first, rows, type Script } from '../sql/script.js';
import {
  DELETE_SIGNAL,
  EXPIRED_SIGNALS,
  INSERT_SIGNAL,
  LAST_ACCEPTED,
  PENDING_PAYLOADS,
  SIGNAL_BY_ID,
} from '../statements/signals.js';
import { DELETE_WORKER, FORGOTTEN_WORKERS } from '../statements/workers.js';
import { lockTokens } from './mailboxes.js';
import { begin, type Transition, type Woken } from './transition.js';
import { wakeRuns } from './wake.js';

/** Puts payloads into their mailboxes and wakes the runs whose waits come to them. Answers in order. */
export function* acceptSignals(
  messages: readonly SignalMessage[],
): Script<readonly DeliverResult[]> {
  const tx = yield* begin();
  yield* lockTokens(messages);
  const results: DeliverResult[] = [];
  for (const message of messages) results.push(yield* acceptSignal(tx, message));
  return results;
}

function* acceptSignal(tx: Transition, message: SignalMessage): Script<DeliverResult> {
  const { namespace, token, id, payload, ttlMs } = message;
  const known = yield* first(SIGNAL_BY_ID, [namespace, token, id]);
  if (known && known.expires_at > tx.now) return { outcome: 'duplicate', woken: [] };
  const woken: Woken = new Set();
  yield* tx.mailboxes.touch([{ ref: message, woken }]);
  if (known) yield* change(DELETE_SIGNAL, [[known.seq]]);
  const last = yield* first(LAST_ACCEPTED, [namespace, token, namespace, token]);
  // Never before the one ahead of it in the line, whatever the clocks of two processes say.
  const acceptedAt = Math.max(tx.now, last?.at ?? 0);
  yield* change(INSERT_SIGNAL, [
    [namespace, token, id, 0, acceptedAt, acceptedAt + ttlMs, payload],
  ]);
  yield* wakeRuns(tx.now, yield* tx.mailboxes.settle());
  return { outcome: 'accepted', woken: [...woken] };
}

/** Payloads that nobody has consumed, oldest first. */
export function* listSignals(
  namespace: string,
  token: string,
): Script<readonly (SignalMessage & { readonly acceptedAt: number })[]> {
  const now = yield* databaseTime();
  const pending = yield* rows(PENDING_PAYLOADS, [namespace, token, now]);
  return pending.map(({ id, payload, accepted_at, expires_at }) => ({
    namespace,
    token,
    id,
    payload,
    ttlMs: expires_at - accepted_at,
    acceptedAt: accepted_at,
  }));
}

/** Removes up to `limit` expired signals, then workers that have been dead for long. Answers how many. */
export function* purge(limit: number): Script<number> {
  const now = yield* databaseTime();
  const signals = yield* rows(EXPIRED_SIGNALS, [now, limit]);
  yield* change(
    DELETE_SIGNAL,
    signals.map(({ seq }) => [seq]),
  );
  const rest = limit - signals.length;
  const workers = yield* rows(FORGOTTEN_WORKERS, [now - DEAD_WORKER_RETENTION_MS, rest]);
  yield* change(
    DELETE_WORKER,
    workers.map(({ id }) => [id]),
  );
  return signals.length + workers.length;
}
