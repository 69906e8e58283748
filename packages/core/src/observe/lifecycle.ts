/** Lifecycle events, derived from committed turns (T5). A listener that throws or never returns harms nobody (B54). */
import type { HistoryEvent } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import type { Turn } from '../model/turn.js';
import type { Logger } from '../runtime/runtime.js';

/** What has happened to a run, durably. */
export interface LifecycleEvent {
  readonly type:
    | 'run.created'
    | 'run.suspended'
    | 'run.completed'
    | 'run.failed'
    | 'run.cancelled'
    | 'run.blocked'
    | 'history';
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly namespace: string;
  /** The history events of the turn; empty for `run.created`. */
  readonly events: readonly HistoryEvent[];
}

export type LifecycleListener = (event: LifecycleEvent) => void;

export class Lifecycle {
  private readonly listeners = new Set<LifecycleListener>();
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** Returns a function that removes the listener. */
  on(listener: LifecycleListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  created(run: RunRecord): void {
    this.emit('run.created', run, []);
  }

  /** A run was ended from outside, without a turn. */
  ended(run: RunRecord): void {
    this.emit('run.cancelled', run, []);
  }

  committed(run: RunRecord, turn: Turn): void {
    this.emit(typeOf(turn), run, turn.events);
  }

  private emit(
    type: LifecycleEvent['type'],
    run: RunRecord,
    events: readonly HistoryEvent[],
  ): void {
    if (this.listeners.size === 0) return;
    const { id: runId, workflow, version, namespace } = run;
    const event: LifecycleEvent = { type, runId, workflow, version, namespace, events };
    for (const listener of this.listeners) this.call(listener, event);
  }

  private call(listener: LifecycleListener, event: LifecycleEvent): void {
    const failed = (error: unknown) =>
      this.logger.warn(`A listener of ${event.type} failed.`, { error });
    try {
      Promise.resolve(listener(event)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

function typeOf({ change }: Turn): LifecycleEvent['type'] {
  if (change === null) return 'history';
  return change.to === 'settled' ? `run.${change.outcome.status}` : `run.${change.to}`;
}
