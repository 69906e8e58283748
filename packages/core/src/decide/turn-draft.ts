/**
 * The turn in the making: what a run will commit next. The functions of this folder write into it; they are pure, so
 * the time, the ids and the randomness they need come with the draft's facts.
 */
import type { HistoryEvent, HistoryEventType, OperationKind } from '../model/history.js';
import type { InboxMessage } from '../model/message.js';
import type { NewRun } from '../model/run.js';
import type { NewTask, RunChange, Turn, WaitRegistration, WaitWithdrawal } from '../model/turn.js';
import type { Operation } from '../replay/operation.js';
import { recordedKind } from '../replay/operation.js';

/** Facts of the run and its owner that every turn carries. */
export interface TurnFacts {
  readonly runId: string;
  readonly namespace: string;
  readonly branch: number;
  readonly worker: string;
  readonly epoch: number;
}

/** The parts of an event that its maker knows. */
export interface EventFacts {
  readonly type: HistoryEventType;
  readonly at: number;
  readonly attempt?: number;
  readonly payload?: string | null;
  readonly startedAt?: number | null;
  readonly detail?: HistoryEvent['detail'];
}

export class TurnDraft {
  readonly events: HistoryEvent[] = [];
  readonly consumedInbox: string[] = [];
  readonly consumedSignals: Turn['consumedSignals'][number][] = [];
  readonly waits: WaitRegistration[] = [];
  readonly withdrawals: WaitWithdrawal[] = [];
  readonly tasks: NewTask[] = [];
  readonly endedTasks: string[] = [];
  readonly children: NewRun[] = [];
  readonly messages: InboxMessage[] = [];
  /** Positions of local steps that start when this turn is durable (T3). */
  readonly starts: number[] = [];
  /** Positions whose local attempts are dropped when this turn is durable. */
  readonly stops: number[] = [];
  /** Remote tasks whose handlers are asked to stop when this turn is durable. */
  readonly cancelledTasks: string[] = [];

  /** Whether committing it would write nothing. */
  get isEmpty(): boolean {
    return (
      this.events.length === 0 &&
      this.consumedInbox.length === 0 &&
      this.consumedSignals.length === 0 &&
      this.withdrawals.length === 0 &&
      this.endedTasks.length === 0 &&
      this.messages.length === 0
    );
  }

  /** Appends an event of an operation. `seq` is the caller's next one. */
  record(seq: number, worker: string, operation: Operation, facts: EventFacts): HistoryEvent {
    return this.append(seq, worker, facts, {
      kind: recordedKind(operation.request),
      position: operation.position,
      name: operation.name,
      digest: operation.digest,
      cause: operation.cause,
      site: operation.site,
      group: operation.group,
    });
  }

  /** Appends an event of no operation. */
  note(
    seq: number,
    worker: string,
    kind: OperationKind,
    name: string,
    cause: number,
    facts: EventFacts,
  ): HistoryEvent {
    const nothing = { position: null, digest: null, site: null, group: null };
    return this.append(seq, worker, facts, { kind, name, cause, ...nothing });
  }

  /** Appends an event whose every fact is given. */
  append(
    seq: number,
    worker: string,
    facts: EventFacts,
    what: Pick<HistoryEvent, 'kind' | 'position' | 'name' | 'digest' | 'cause' | 'site' | 'group'>,
  ): HistoryEvent {
    const event: HistoryEvent = {
      seq,
      type: facts.type,
      kind: what.kind,
      position: what.position,
      name: what.name,
      digest: what.digest,
      cause: what.cause,
      attempt: facts.attempt ?? 1,
      payload: facts.payload ?? null,
      at: facts.at,
      startedAt: facts.startedAt ?? null,
      worker,
      site: what.site,
      group: what.group,
      detail: facts.detail ?? null,
    };
    this.events.push(event);
    return event;
  }

  /** The turn as the store takes it. */
  toTurn(facts: TurnFacts, change: RunChange | null): Turn {
    return {
      runId: facts.runId,
      namespace: facts.namespace,
      branch: facts.branch,
      worker: facts.worker,
      epoch: facts.epoch,
      events: this.events,
      consumedInbox: this.consumedInbox,
      consumedSignals: this.consumedSignals,
      waits: this.waits,
      withdrawals: this.withdrawals,
      tasks: this.tasks,
      endedTasks: this.endedTasks,
      children: this.children,
      messages: this.messages,
      change,
    };
  }
}
