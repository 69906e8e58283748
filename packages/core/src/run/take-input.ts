/** Takes what has happened into the run's state: into the draft, and on to the code if it is for the code to see. */
import { takeCheckpoint, takeChild, takeRemote, takeSignal } from '../decide/arrivals.js';
import { endAttempt } from '../decide/attempts.js';
import { type RecordedCancel, takeCancel } from '../decide/cancel.js';
import type { RunState } from '../decide/run-state.js';
import type { Immediate } from '../decide/schedule.js';
import { type Delivery, settle } from '../decide/settlement.js';
import type { CheckedArrival } from './intake.js';
import type { EndedAttempt } from './local-attempts.js';

/** Something that has happened and is not yet in the draft. */
export type Input =
  | { readonly input: 'attempt'; readonly ended: EndedAttempt }
  | { readonly input: 'arrival'; readonly arrival: CheckedArrival }
  | { readonly input: 'immediate'; readonly immediate: Immediate };

/** What the code has to see of an input. */
export type Taken =
  | { readonly taken: 'delivery'; readonly delivery: Delivery }
  | { readonly taken: 'cancel'; readonly cancel: RecordedCancel }
  /** Recorded or of no concern: nothing for the code. */
  | { readonly taken: 'nothing' }
  /** Of no use now, and not consumed: it may be delivered again. */
  | { readonly taken: 'refused' };

const NOTHING: Taken = { taken: 'nothing' };
const REFUSED: Taken = { taken: 'refused' };

/** How far the code has come. */
export interface Progress {
  /** The position that the code will use next: a cancel reaches what came before. */
  readonly position: number;
  /** Name of the transaction that the code has asked for at a position. */
  transactionAt(position: number): string | undefined;
}

export function takeInput(state: RunState, input: Input, code: Progress): Taken {
  switch (input.input) {
    case 'attempt':
      return takeAttempt(state, input.ended);
    case 'arrival':
      return takeArrival(state, input.arrival, code);
    case 'immediate': {
      const { waiting, outcome } = input.immediate;
      const isPending = state.waiting.has(waiting.operation.position);
      return isPending ? delivered(settle(state, waiting, outcome)) : NOTHING;
    }
    default:
      return input satisfies never;
  }
}

function takeAttempt(state: RunState, { position, attempt, end }: EndedAttempt): Taken {
  const waiting = state.waiting.get(position);
  if (waiting?.is !== 'step' || waiting.attempt !== attempt) return NOTHING;
  return delivered(endAttempt(state, waiting, end));
}

function takeArrival(state: RunState, { arrival, checked }: CheckedArrival, code: Progress): Taken {
  if (arrival.type === 'signal') {
    const delivery = checked === null ? null : takeSignal(state, arrival, checked);
    return delivery === null ? REFUSED : delivered(delivery);
  }
  const { body, messageId } = arrival;
  switch (body.kind) {
    case 'child':
      return delivered(takeChild(state, messageId, body));
    case 'remote':
      return checked === null ? REFUSED : delivered(takeRemote(state, arrival, body, checked));
    case 'transaction': {
      const asked = code.transactionAt(body.position);
      return delivered(takeCheckpoint(state, messageId, body, asked));
    }
    case 'cancel': {
      const cancel = takeCancel(state, messageId, body.reason, code.position);
      return cancel === null ? NOTHING : { taken: 'cancel', cancel };
    }
    default:
      return body satisfies never;
  }
}

function delivered(delivery: Delivery | null): Taken {
  return delivery === null ? NOTHING : { taken: 'delivery', delivery };
}
