import {
  DEAD_WORKER_RETENTION_MS,
  type DeliverResult,
  type SignalMessage,
} from '@dudousxd/nestjs-durable-core';
import { change, databaseTime, firstOfEach, rows, type Script } from '../sql/script.js';
import {
  DELETE_SIGNAL,
  EXPIRED_SIGNALS,
  INSERT_SIGNAL,
  LAST_ACCEPTED,
  PENDING_PAYLOADS,
  SIGNAL_BY_ID,
} from '../statements/signals.js';
import { DELETE_WORKER, FORGOTTEN_WORKERS } from '../statements/workers.js';
import { lockTokens, tokenKey } from './mailboxes.js';
import { begin, type Transition, type Woken } from './transition.js';
import { wakeRuns } from './wake.js';

/** Puts payloads into their mailboxes and wakes the runs whose waits come to them. Answers in order. */
export function* acceptSignals(
  messages: readonly SignalMessage[],
): Script<readonly DeliverResult[]> {
  const tx = yield* begin();
  yield* lockTokens(messages);
  return yield* acceptAll(tx, messages);
}

/** As `acceptSignals`, where the tokens are locked. */
export function* acceptAll(
  tx: Transition,
  messages: readonly SignalMessage[],
): Script<readonly DeliverResult[]> {
  const results: DeliverResult[] = messages.map(() => DUPLICATE);
  for (const wave of wavesOf(messages)) {
    const accepted = yield* acceptWave(
      tx,
      wave.map(({ message }) => message),
    );
    for (const [at, { i }] of wave.entries()) results[i] = accepted[at] ?? DUPLICATE;
  }
  return results;
}

const DUPLICATE: DeliverResult = { outcome: 'duplicate', woken: [] };

/** A message, and its place in the call. */
interface Placed {
  readonly message: SignalMessage;
  readonly i: number;
}

/** Messages for different tokens do not concern each other: each wave has one of each token, in their order. */
function wavesOf(messages: readonly SignalMessage[]): readonly (readonly Placed[])[] {
  const waves: Placed[][] = [];
  const times = new Map<string, number>();
  for (const [i, message] of messages.entries()) {
    const key = tokenKey(message);
    const wave = times.get(key) ?? 0;
    times.set(key, wave + 1);
    const others = waves[wave];
    if (others) others.push({ message, i });
    else waves.push([{ message, i }]);
  }
  return waves;
}

/** A payload on its way, for the message that brings it. */
interface Sending {
  readonly message: SignalMessage;
  readonly woken: Woken;
  /** The row of the same id that has expired. */
  readonly expired: number | undefined;
}

function* acceptWave(
  tx: Transition,
  messages: readonly SignalMessage[],
): Script<readonly (DeliverResult | undefined)[]> {
  const known = yield* firstOfEach(
    SIGNAL_BY_ID,
    messages.map(({ namespace, token, id }) => [namespace, token, id]),
  );
  const sendings = messages.map((message, i): Sending | undefined => {
    const row = known[i];
    if (row && row.expires_at > tx.now) return undefined;
    return { message, woken: new Set(), expired: row?.seq };
  });
  yield* putDown(
    tx,
    sendings.flatMap((sending) => sending ?? []),
  );
  return sendings.map((sending) => sending && { outcome: 'accepted', woken: [...sending.woken] });
}

function* putDown(tx: Transition, sendings: readonly Sending[]): Script<void> {
  yield* tx.mailboxes.touch(sendings.map(({ message, woken }) => ({ ref: message, woken })));
  yield* change(
    DELETE_SIGNAL,
    sendings.flatMap(({ expired }) => (expired === undefined ? [] : [[expired]])),
  );
  const last = yield* firstOfEach(
    LAST_ACCEPTED,
    sendings.map(({ message: { namespace, token } }) => [namespace, token, namespace, token]),
  );
  yield* change(
    INSERT_SIGNAL,
    sendings.map(({ message: { namespace, token, id, payload, ttlMs } }, i) => {
      // Never before the one ahead of it in the line, whatever the clocks of two processes say.
      const acceptedAt = Math.max(tx.now, last[i]?.at ?? 0);
      return [namespace, token, id, 0, acceptedAt, acceptedAt + ttlMs, payload];
    }),
  );
  yield* wakeRuns(tx.now, yield* tx.mailboxes.settle());
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
