import type { Codec } from '../codec/codec.js';
import type { HistoryEvent } from '../model/history.js';
import type { ChildOutcome } from './child-outcome.js';

/**
 * The `seq` from which on `retry` leaves a failed run's history out: that of the outcome that failed the run, so that its
 * operation runs anew, or of a cancel request. If the error came from the body itself, there is none, and the answer is a
 * number that no `seq` reaches.
 *
 * @param error the run's encoded error
 */
export function retryBoundary(
  events: readonly HistoryEvent[],
  error: string | null,
  codec: Codec,
): number {
  const failedSeq = error === null ? null : seqOfFailure(events, error, codec);
  const cancelSeq = events.find(({ kind }) => kind === 'cancel')?.seq ?? null;
  return Math.min(failedSeq ?? Number.MAX_SAFE_INTEGER, cancelSeq ?? Number.MAX_SAFE_INTEGER);
}

/**
 * The history of the branch that `retry` opens: every outcome before the boundary. Operations without an outcome are left
 * out, to be asked for again; `seq` stays dense.
 *
 * A transaction that has committed never runs again while the code asks for it at the same place: one that was asked for
 * before the boundary keeps its outcome even if that came later.
 *
 * @param boundary see `retryBoundary`
 */
export function rebaseForRetry(
  events: readonly HistoryEvent[],
  boundary: number,
): readonly HistoryEvent[] {
  const before = events.filter((event) => event.seq < boundary || isEarlyCommit(event, boundary));
  const ended = new Set<number>();
  for (const { type, position } of before) {
    if (position !== null && ENDS.has(type)) ended.add(position);
  }
  const kept = before.filter(({ position, type }) => {
    if (type === 'abandoned') return false;
    return position === null || ended.has(position);
  });
  return renumber(kept);
}

function isEarlyCommit({ kind, type, cause }: HistoryEvent, boundary: number): boolean {
  return kind === 'transaction' && type === 'completed' && cause < boundary;
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

/** A child that was started by `startChild`. */
export interface StartedChild {
  readonly childRunId: string;
  readonly workflow: string;
  readonly position: number;
}

/** Started children whose end the history does not hold. */
export function childrenInDoubt(events: readonly HistoryEvent[]): readonly StartedChild[] {
  const ended = new Set(
    events.filter(({ type }) => type === 'recorded').map(({ detail }) => detail?.childRunId),
  );
  return events.flatMap(({ position, name, detail }) => {
    if (position === null || detail?.detached !== true || detail.childRunId === undefined)
      return [];
    if (ended.has(detail.childRunId)) return [];
    return [{ childRunId: detail.childRunId, workflow: name, position }];
  });
}

/** The event that keeps a child's end until the code asks for it. */
export function recordChildEnd(
  events: readonly HistoryEvent[],
  { childRunId, position }: StartedChild,
  { ok, payload }: ChildOutcome,
): HistoryEvent {
  const last = events.at(-1);
  return {
    seq: (last?.seq ?? 0) + 1,
    type: 'recorded',
    kind: 'child',
    position,
    name: childRunId,
    digest: null,
    cause: 0,
    attempt: 1,
    payload,
    at: last?.at ?? 0,
    startedAt: null,
    worker: last?.worker ?? '',
    site: null,
    group: null,
    detail: { childRunId, childFailed: !ok },
  };
}
