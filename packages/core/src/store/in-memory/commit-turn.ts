/**
 * One turn, all or nothing (T1), fenced by (worker, epoch) (T2). All checks come before the first write.
 */
import type { RunRecord } from '../../model/run.js';
import type { CommitOutcome, Turn } from '../state-store.js';
import { applyTurn } from './apply-turn.js';
import type { MailboxMatch } from './mailbox.js';
import type { Transition } from './transition.js';

/** Checks the turn and applies it. */
export function commitTurn(tx: Transition, turn: Turn): CommitOutcome {
  const run = tx.tables.runs.get(turn.runId);
  if (!run) return 'fenced';
  const lastSeq = tx.tables.history.lastSeq(run.id, run.branch);
  if (hasReleased(run, turn, lastSeq)) return 'committed';
  if (!isOwner(run, turn)) return 'fenced';
  const place = placeOf(turn, lastSeq);
  if (place === 'recorded') return 'committed';
  if (place === 'misplaced') return 'fenced';
  if (!canConsume(tx, turn, run) || !canWithdraw(tx, turn)) return 'conflict';
  applyTurn(tx, turn, run);
  return 'committed';
}

function isOwner(run: RunRecord, { branch, worker, epoch }: Turn): boolean {
  return run.branch === branch && run.worker === worker && run.epoch === epoch;
}

/**
 * Whether an earlier try of this turn has committed and given the run up, and nothing has happened to the run since.
 * Only a turn of that epoch can have left the run without an owner: whatever else takes the owner away ends the epoch.
 */
function hasReleased(run: RunRecord, turn: Turn, lastSeq: number): boolean {
  const { branch, epoch, events, change } = turn;
  const [first] = events;
  if (change === null || !first) return false;
  if (run.branch !== branch || run.epoch !== epoch || run.worker !== null) return false;
  return first.seq > 0 && events.at(-1)?.seq === lastSeq;
}

/** `recorded`: an earlier try of this turn has committed, as its first row shows. */
function placeOf({ events }: Turn, lastSeq: number): 'next' | 'recorded' | 'misplaced' {
  const [first] = events;
  if (!first) return 'next';
  if (first.seq <= lastSeq) return 'recorded';
  return events.every((event, i) => event.seq === lastSeq + 1 + i) ? 'next' : 'misplaced';
}

function canConsume(tx: Transition, turn: Turn, run: RunRecord): boolean {
  const { consumedInbox, consumedSignals } = turn;
  if (consumedInbox.length > 0) {
    const rows = tx.tables.inbox.receivable(run.id, run.branch);
    const present = new Set(rows.map((row) => row.messageId));
    if (!consumedInbox.every((id) => present.has(id))) return false;
  }
  const tokens = new Set(consumedSignals.map((signal) => signal.token));
  if (tokens.size < consumedSignals.length) return false;
  return consumedSignals.every(({ token, messageId, position }) => {
    return matchOf(tx, turn, { token, position })?.payload.id === messageId;
  });
}

/** A timeout loses against a payload that was accepted in time, even if nobody was awake. */
function canWithdraw(tx: Transition, turn: Turn): boolean {
  return turn.withdrawals.every(({ token, position, deadline }) => {
    if (deadline === null) return true;
    const match = matchOf(tx, turn, { token, position });
    return !match || match.payload.acceptedAt > deadline;
  });
}

interface WaitPlace {
  readonly token: string;
  readonly position: number;
}

/** The payload that is meant for the turn's run at this wait now. */
function matchOf(
  tx: Transition,
  turn: Turn,
  { token, position }: WaitPlace,
): MailboxMatch | undefined {
  const matches = tx.tables.mailboxes.get(turn.namespace, token)?.match(tx.now) ?? [];
  return matches.find(({ wait }) => wait.runId === turn.runId && wait.position === position);
}
