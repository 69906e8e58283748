import type { Codec } from '../codec/codec.js';
import type { Arrival } from '../model/message.js';
import type { Turn } from '../model/turn.js';
import type { Operation } from '../replay/operation.js';
import { type CheckedPayload, checkRemoteResult, checkSignal } from './check-payload.js';

/** An arrival whose payload has been parsed, where something waits for it that has a schema. */
export interface CheckedArrival {
  readonly arrival: Arrival;
  readonly checked: CheckedPayload | null;
}

export interface IntakeOptions {
  readonly codec: Codec;
  /** The pending operation at a position. */
  readonly operationAt: (position: number) => Operation | undefined;
  /** The payload for a wait at this position is being checked, and that takes its time. */
  readonly onChecking: (position: number) => void;
  /** Takes a checked arrival; `later` if the check took its time, so that nobody is waiting for it in this call. */
  readonly onChecked: (arrival: CheckedArrival, later: boolean) => void;
}

/** Takes each arrival of a run once, for as long as its consumption is not durable. */
export class Intake {
  private readonly options: IntakeOptions;
  private readonly taken = new Set<string>();
  private checking = 0;

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** Whether a schema is still being asked: the run must not be suspended over it. */
  get isBusy(): boolean {
    return this.checking > 0;
  }

  take(arrivals: readonly Arrival[]): void {
    for (const arrival of arrivals) {
      const key = keyOf(arrival);
      if (this.taken.has(key)) continue;
      this.taken.add(key);
      this.check(arrival);
    }
  }

  /** The arrival was of no use: it may come again. */
  giveBack(arrival: Arrival): void {
    this.taken.delete(keyOf(arrival));
  }

  /** What the turn has consumed is gone for good. */
  committed({ consumedInbox, consumedSignals, endedTasks }: Turn): void {
    for (const taskId of endedTasks) this.taken.delete(offerKey(taskId));
    for (const messageId of consumedInbox) this.taken.delete(messageId);
    for (const signal of consumedSignals) this.taken.delete(signalKey(signal));
  }

  /** Nothing that was taken has become durable: all of it comes again. */
  reset(): void {
    this.taken.clear();
  }

  private check(arrival: Arrival): void {
    const { onChecked } = this.options;
    const checked = this.parse(arrival);
    if (!(checked instanceof Promise)) {
      onChecked({ arrival, checked }, false);
      return;
    }
    this.checking += 1;
    if (arrival.type === 'signal') this.options.onChecking(arrival.position);
    void checked.then((parsed) => {
      this.checking -= 1;
      onChecked({ arrival, checked: parsed }, true);
    });
  }

  private parse(arrival: Arrival): CheckedPayload | null | Promise<CheckedPayload> {
    const { codec, operationAt } = this.options;
    if (arrival.type === 'signal')
      return checkSignal(operationAt(arrival.position), arrival, codec);
    if (arrival.body.kind !== 'remote') return null;
    return checkRemoteResult(operationAt(arrival.body.position), arrival.body.result, codec);
  }
}

/** Under which the result of a task is known that has come without the inbox. */
export function offerKey(taskId: string): string {
  return `task:${taskId}`;
}

/** Signals are told apart by token and id, messages by their number. */
function keyOf(arrival: Arrival): string {
  return arrival.type === 'signal' ? signalKey(arrival) : arrival.messageId;
}

function signalKey({
  token,
  messageId,
}: {
  readonly token: string;
  readonly messageId: string;
}): string {
  return `${token}\n${messageId}`;
}
