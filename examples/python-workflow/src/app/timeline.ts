import type { HistoryEntry } from '@dudousxd/nestjs-durable-core';

/** An outcome in the history of a run. */
export interface TimelineEntry {
  /** `step`, `remote`, `sleep`, `signal`, `child`. */
  readonly kind: string;
  readonly name: string;
  /** Which operation of the run it is, from 0. */
  readonly position: number | null;
  readonly outcome: 'completed' | 'failed' | 'attemptFailed';
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Why it has failed. */
  readonly reason?: string;
}

/** What the workflow has asked for and got, in the order in which it got it. */
export function timelineOf(history: readonly HistoryEntry[]): readonly TimelineEntry[] {
  const asked = new Map(
    history.flatMap(({ type, position, at }) =>
      type === 'scheduled' ? [[position, at] as const] : [],
    ),
  );
  return history.flatMap(({ kind, type, name, position, at, startedAt, error }) => {
    if (type !== 'completed' && type !== 'failed' && type !== 'attemptFailed') return [];
    const times = { startedAt: startedAt ?? asked.get(position) ?? at, endedAt: at };
    const reason = error instanceof Error ? { reason: `${error.name}: ${error.message}` } : {};
    return [{ kind, name, position, outcome: type, ...times, ...reason }];
  });
}
