import type { HistoryEvent, OperationKind } from '../model/history.js';

/** What history knows of an operation: the facts that are checked when the code asks for it again (T8). */
interface RecordedOperation {
  readonly position: number;
  readonly kind: OperationKind;
  readonly name: string;
  readonly digest: string | null;
  readonly cause: number;
}

/** What a side effect's function returned or threw, encoded. */
export interface SideEffect {
  readonly ok: boolean;
  readonly payload: string;
}

/** One branch's history, arranged for replay. */
export interface RecordedHistory {
  readonly operations: ReadonlyMap<number, RecordedOperation>;
  /** How many operations each window asked for, by the window's `seq`. */
  readonly askedBy: ReadonlyMap<number, number>;
  readonly maxPosition: number;
  /** What came of each `ctx.sideEffect`, by position. */
  readonly sideEffects: ReadonlyMap<number, SideEffect>;
  readonly patches: ReadonlySet<string>;
  /** The events that open a window, in order. */
  readonly outcomes: readonly HistoryEvent[];
}

/** History of a run that has never run. */
export const EMPTY_HISTORY: RecordedHistory = arrangeHistory([]);

/** Arranges a branch's events, which have to be in the order of `seq`. */
export function arrangeHistory(events: readonly HistoryEvent[]): RecordedHistory {
  const operations = new Map<number, RecordedOperation>();
  const askedBy = new Map<number, number>();
  const sideEffects = new Map<number, SideEffect>();
  const patches = new Set<string>();
  const outcomes: HistoryEvent[] = [];
  let maxPosition = 0;
  for (const event of events) {
    if (event.kind === 'patch') patches.add(event.name);
    if (opensWindow(event)) outcomes.push(event);
    const { position } = event;
    if (position === null || event.type === 'recorded') continue;
    if (event.kind === 'sideEffect') {
      sideEffects.set(position, { ok: event.type === 'completed', payload: event.payload ?? '' });
    }
    if (operations.has(position)) continue;
    operations.set(position, {
      position,
      kind: event.kind,
      name: event.name,
      digest: event.digest,
      cause: event.cause,
    });
    askedBy.set(event.cause, (askedBy.get(event.cause) ?? 0) + 1);
    maxPosition = Math.max(maxPosition, position);
  }
  return { operations, askedBy, maxPosition, sideEffects, patches, outcomes };
}

/** Whether the event is one that the code sees: an outcome, or a cancel. */
export function opensWindow(event: HistoryEvent): boolean {
  if (event.kind === 'cancel') return true;
  return (event.type === 'completed' || event.type === 'failed') && event.kind !== 'sideEffect';
}
