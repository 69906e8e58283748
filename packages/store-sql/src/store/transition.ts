import { databaseTime, type Script } from '../sql/script.js';
import { Mailboxes } from './mailboxes.js';

/** A transaction under way: its one point in time, and the mailboxes it reads and changes. */
export interface Transition {
  readonly now: number;
  readonly mailboxes: Mailboxes;
}

/** Starts a transition: the first request of a writing script. */
export function* begin(): Script<Transition> {
  const now = yield* databaseTime();
  return { now, mailboxes: new Mailboxes(now) };
}

/** The runs that one item of a call (a turn, a message) has woken. */
export type Woken = Set<string>;
