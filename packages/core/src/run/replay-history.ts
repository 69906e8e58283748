import type { RunState } from '../decide/run-state.js';
import type { HistoryEvent } from '../model/history.js';
import type { Coroutine } from '../replay/coroutine.js';
import { opensWindow } from '../replay/recorded.js';

/** A payload as decoded, or nothing where it could not be: the run is blocked then. */
export type Decoded = { readonly value: unknown } | null;

export interface Replay {
  readonly coroutine: Coroutine;
  readonly state: RunState;
  readonly history: readonly HistoryEvent[];
  readonly start: () => Promise<unknown>;
  readonly decode: (payload: string, ok: boolean) => Decoded;
  /** Whether the replay still stands: it ends without a word when it does not. */
  readonly isCurrent: () => boolean;
  readonly done: () => void;
}

/** Runs a body against its history: every recorded outcome in its own window, in the recorded order (T7). */
export function replayHistory(replay: Replay): void {
  const outcomes = replay.history.filter(opensWindow);
  let next = 0;
  const step = () => {
    if (!replay.isCurrent()) return;
    const event = outcomes[next];
    next += 1;
    if (event === undefined) replay.done();
    else redeliver(replay, event, step);
  };
  replay.coroutine.start(replay.start, step);
}

function redeliver(
  { coroutine, state, decode }: Replay,
  event: HistoryEvent,
  done: () => void,
): void {
  const { seq, at, kind, name, position, payload } = event;
  state.windowSeq = seq;
  if (kind === 'cancel') {
    coroutine.deliverCancel(seq, at, done);
    return;
  }
  const ok = event.type === 'completed';
  const decoded = decode(payload ?? '', ok);
  if (decoded === null) return;
  coroutine.deliver(seq, at, { position: position ?? 0, kind, name, ok, ...decoded }, done);
}

/** The events of each operation, in order, for putting what is still pending back in place. */
export function groupByPosition(
  history: readonly HistoryEvent[],
): ReadonlyMap<number, readonly HistoryEvent[]> {
  const groups = new Map<number, HistoryEvent[]>();
  for (const event of history) {
    if (event.position === null || event.type === 'recorded') continue;
    const group = groups.get(event.position);
    if (group === undefined) groups.set(event.position, [event]);
    else group.push(event);
  }
  return groups;
}
