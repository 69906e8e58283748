import type { Codec } from '../codec/codec.js';
import type { HistoryEvent } from '../model/history.js';

/**
 * The history of the branch that `retry` opens: every outcome up to the one that failed the run, which is left out with
 * whatever followed it, so that its operation runs anew. If the error came from the body itself, every outcome is kept.
 * Operations without an outcome are left out, to be asked for again; `seq` stays dense.
 *
 * @param error the run's encoded error
 */
export function rebaseForRetry(
  events: readonly HistoryEvent[],
  error: string | null,
  codec: Codec,
): readonly HistoryEvent[] {
  const failedSeq = error === null ? null : seqOfFailure(events, error, codec);
  const before = failedSeq === null ? events : events.filter(({ seq }) => seq < failedSeq);
  const ended = new Set<number>();
  for (const { type, position } of before) {
    if (position !== null && ENDS.has(type)) ended.add(position);
  }
  const kept = before.filter(({ position, kind, type }) => {
    if (kind === 'cancel' || type === 'abandoned') return false;
    return position === null || ended.has(position);
  });
  return renumber(kept);
}

const ENDS: ReadonlySet<HistoryEvent['type']> = new Set(['completed', 'failed', 'withdrawn']);

/** `seq` of the last failure that is the run's error, or one in its chain of causes. */
function seqOfFailure(events: readonly HistoryEvent[], error: string, codec: Codec): number | null {
  for (const text of causes(error, codec)) {
    const failure = events.findLast(({ type, payload }) => type === 'failed' && payload === text);
    if (failure !== undefined) return failure.seq;
  }
  return null;
}

function causes(error: string, codec: Codec): readonly string[] {
  const texts = [error];
  let at: unknown = codec.decodeError(error);
  while (at instanceof Error && at.cause !== undefined && texts.length < MAX_CAUSES) {
    at = at.cause;
    texts.push(codec.encodeError(at));
  }
  return texts;
}

const MAX_CAUSES = 20;

function renumber(events: readonly HistoryEvent[]): readonly HistoryEvent[] {
  const renumbered = new Map(events.map(({ seq }, index) => [seq, index + 1]));
  return events.map((event, index) => ({
    ...event,
    seq: index + 1,
    cause: renumbered.get(event.cause) ?? 0,
  }));
}
