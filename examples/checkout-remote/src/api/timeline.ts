import type { HistoryEntry } from '@dudousxd/nestjs-durable-core';

/** An attempt of a step that has ended. */
export interface TimelineEntry {
  readonly step: string;
  readonly attempt: number;
  readonly outcome: 'completed' | 'failed' | 'attemptFailed';
  /** The worker that ran it; for a local step, the engine itself. */
  readonly worker: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Why it has failed. */
  readonly reason?: string;
}

/** The attempts in a run's history, in the order of their ends. */
export function timelineOf(history: readonly HistoryEntry[]): readonly TimelineEntry[] {
  return history.flatMap((entry) => {
    const { kind, type, name, attempt, at, startedAt = at, detail, error } = entry;
    const isStep = kind === 'step' || kind === 'remote';
    const isEnd = type === 'completed' || type === 'failed' || type === 'attemptFailed';
    if (!isStep || !isEnd) return [];
    const times = { startedAt, endedAt: at };
    const reason = error instanceof Error ? { reason: `${error.name}: ${error.message}` } : {};
    const worker = detail?.ranBy ?? entry.worker;
    return [{ step: name, attempt, outcome: type, worker, ...times, ...reason }];
  });
}
