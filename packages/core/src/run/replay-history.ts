import type { RunState } from '../decide/run-state.js';
import type { HistoryEvent } from '../model/history.js';
import type { Activation } from '../replay/activation.js';
import { opensWindow } from '../replay/recorded.js';

/** A payload as decoded, or nothing where it could not be: the run is blocked then. */
export type Decoded = { readonly value: unknown } | null;

export interface Replay {
  readonly code: Activation;
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
  replay.code.start(replay.start, step);
}

function redeliver({ code, state, decode }: Replay, event: HistoryEvent, done: () => void): void {
  const { seq, at, kind, name, position, payload } = event;
  state.windowSeq = seq;
  if (kind === 'cancel') {
    code.deliverCancel(seq, at, done);
    return;
  }
  const ok = event.type === 'completed';
  const text = payload ?? '';
  const decoded = decode(text, ok);
  if (decoded === null) return;
  const settled = { position: position ?? 0, kind, name, ok, payload: text, ...decoded };
  code.deliver(seq, at, settled, done);
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
