/**
 * All checks of turns; they come before the first write. T2: the row of each run is looked at under its lock, in the
 * transaction of the writes, and never judged by what a write has changed.
 */
import type { Turn } from '@dudousxd/nestjs-durable-core';
import { rowsOfEach, type Script } from '../../sql/script.js';
import { RECEIVABLE_IDS } from '../../statements/inbox.js';
import type { TurnState } from '../../statements/runs.js';
import type { TokenMatch, TokenRef } from '../mailboxes.js';
import type { Transition } from '../transition.js';
import type { TurnPlan } from './turn-plan.js';

/** Where a turn stands: `recorded` = an earlier try of it has committed, as the history shows. */
export type TurnPlace = 'next' | 'recorded' | 'fenced';

export function placeOf(turn: Turn, state: TurnState | undefined): TurnPlace {
  if (state === undefined || state.epoch !== turn.epoch || state.branch !== turn.branch) {
    return 'fenced';
  }
  const { events } = turn;
  const lastSeq = state.last_seq ?? 0;
  if (state.worker === null && hasReleased(turn, lastSeq)) return 'recorded';
  if (state.worker !== turn.worker) return 'fenced';
  const [first] = events;
  if (first === undefined) return 'next';
  if (first.seq <= lastSeq) return 'recorded';
  return events.every((event, i) => event.seq === lastSeq + 1 + i) ? 'next' : 'fenced';
}

/**
 * Whether an earlier try of this turn has committed and given the run up, if the run has no owner at the turn's epoch.
 * Only a turn of that epoch can have left it without one: whatever else takes the owner away ends the epoch.
 */
function hasReleased({ events, change }: Turn, lastSeq: number): boolean {
  const [first] = events;
  if (change === null || first === undefined) return false;
  return first.seq > 0 && events.at(-1)?.seq === lastSeq;
}

/** The turns whose messages have gone elsewhere, or whose timeout has been beaten. */
export function* findConflicts(
  { mailboxes }: Transition,
  plans: readonly TurnPlan[],
): Script<ReadonlySet<TurnPlan>> {
  const withInbox = plans.filter(({ turn }) => turn.consumedInbox.length > 0);
  const present = yield* rowsOfEach(
    RECEIVABLE_IDS,
    withInbox.map(({ turn }) => [turn.runId, turn.branch]),
  );
  const matchesOf = yield* mailboxes.matches(plans.flatMap(({ turn }) => checkedTokens(turn)));
  const conflicts = new Set(plans.filter(({ turn }) => !isSignalTurnPossible(turn, matchesOf)));
  withInbox.forEach((plan, i) => {
    const ids = new Set((present[i] ?? []).map(({ id }) => String(id)));
    if (!plan.turn.consumedInbox.every((id) => ids.has(id))) conflicts.add(plan);
  });
  return conflicts;
}

function checkedTokens({ namespace, consumedSignals, withdrawals }: Turn): readonly TokenRef[] {
  if (consumedSignals.length === 0 && withdrawals.length === 0) return [];
  const timeouts = withdrawals.filter(({ deadline }) => deadline !== null);
  return [...consumedSignals, ...timeouts].map(({ token }) => ({ namespace, token }));
}

type MatchesOf = (ref: TokenRef) => readonly TokenMatch[];

function isSignalTurnPossible(turn: Turn, matchesOf: MatchesOf): boolean {
  const { runId, namespace, consumedSignals, withdrawals } = turn;
  const matchOf = (token: string, position: number): TokenMatch | undefined =>
    matchesOf({ namespace, token }).find(
      ({ wait }) => wait.runId === runId && wait.position === position,
    );
  const tokens = new Set(consumedSignals.map(({ token }) => token));
  if (tokens.size < consumedSignals.length) return false;
  for (const { token, position, messageId } of consumedSignals) {
    if (matchOf(token, position)?.payload.id !== messageId) return false;
  }
  // A timeout loses against a payload that was accepted in time, even if nobody was awake.
  return withdrawals.every(({ token, position, deadline }) => {
    if (deadline === null) return true;
    const match = matchOf(token, position);
    return !match || match.payload.acceptedAt > deadline;
  });
}
