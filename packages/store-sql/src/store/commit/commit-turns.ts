/**
 * Group commit: many runs' turns in one transaction. T1: each turn is written whole or not at all; a turn that is fenced
 * or in conflict leaves the others alone.
 *
 * A turn that only appends to its history costs one look at its run and one inserted row per event. The others go
 * through the same checks, and are then written in sets.
 */
import type { CommitResult, Turn } from '@dudousxd/nestjs-durable-core';
import { change, firstOfEach, lockRows, type Script } from '../../sql/script.js';
import type { Params } from '../../sql/statement.js';
import { INSERT_HISTORY } from '../../statements/history.js';
import { TRY_LOCK_RUN, TURN_STATE } from '../../statements/runs.js';
import { lockTokens } from '../mailboxes.js';
import { begin, type Transition } from '../transition.js';
import { applyTurns, historyOf } from './apply-turns.js';
import { findConflicts, placeOf } from './check-turns.js';
import { changedTokens, type IndexedTurn, isPlain, planTurns, type TurnPlan } from './turn-plan.js';
import { endsOthers, takeSegment, wavesOf } from './waves.js';

const COMMITTED: CommitResult = { outcome: 'committed', woken: [] };
const FENCED: CommitResult = { outcome: 'fenced', woken: [] };
const CONFLICT: CommitResult = { outcome: 'conflict', woken: [] };
const BUSY: CommitResult = { outcome: 'busy', woken: [] };

/** Writes the turns. Answers in their order. */
export function* commitTurns(turns: readonly Turn[]): Script<readonly CommitResult[]> {
  const tx = yield* begin();
  const results = turns.map(() => FENCED);
  let rest: readonly IndexedTurn[] = turns.map((turn, index) => ({ turn, index }));
  while (rest.length > 0) {
    const done = yield* commitSegment(tx, rest, results);
    const busy = new Set(
      rest.flatMap(({ turn, index }) => (results[index] === BUSY ? [turn.runId] : [])),
    );
    rest = rest.slice(done);
    // What follows a turn that is to be sent again is sent again after it.
    for (const { turn, index } of rest) if (busy.has(turn.runId)) results[index] = BUSY;
    rest = rest.filter(({ turn }) => !busy.has(turn.runId));
  }
  return results;
}

/** Commits the first turns of a batch; answers how many. */
function* commitSegment(
  tx: Transition,
  turns: readonly IndexedTurn[],
  results: CommitResult[],
): Script<number> {
  const candidates = takeSegment(turns);
  const planned = yield* planTurns(candidates.filter(({ turn }) => !isPlain(turn)));
  const segment = upToBarrier(candidates, planned);
  const indexes = new Set(segment.map(({ index }) => index));
  const plans = planned.filter(({ index }) => indexes.has(index));
  yield* lockTokens(plans.flatMap((plan) => [...changedTokens(plan), ...plan.waits]));
  const next = yield* checkPlaces(segment, results);
  for (const wave of wavesOf(plans.filter(({ index }) => next.has(index)))) {
    const conflicts = yield* findConflicts(tx, wave);
    const possible = wave.filter((plan) => !conflicts.has(plan));
    for (const { index } of conflicts) results[index] = CONFLICT;
    yield* applyTurns(tx, possible);
    for (const { index, woken } of possible) {
      results[index] = woken.size === 0 ? COMMITTED : { outcome: 'committed', woken: [...woken] };
    }
  }
  return segment.length;
}

/** A turn that ends other runs is a segment of its own: their turns are checked after it. */
function upToBarrier(
  turns: readonly IndexedTurn[],
  plans: readonly TurnPlan[],
): readonly IndexedTurn[] {
  const barrier = plans.find(endsOthers);
  if (!barrier) return turns;
  const at = turns.findIndex(({ index }) => index === barrier.index);
  return turns.slice(0, Math.max(1, at));
}

/**
 * Answers for the turns that are fenced, recorded or busy, writes the plain ones, and returns the indexes of the others.
 * A run that somebody else has locked is not waited for: the rest of the batch would wait with it (semantics.md 6).
 */
function* checkPlaces(
  segment: readonly IndexedTurn[],
  results: CommitResult[],
): Script<ReadonlySet<number>> {
  const ids = segment.map(({ turn }) => turn.runId).sort();
  const isLocked = yield* lockRows(
    TRY_LOCK_RUN,
    ids.map((id) => [id]),
  );
  const locked = new Set(ids.filter((_, i) => isLocked[i]));
  const states = yield* firstOfEach(
    TURN_STATE,
    segment.map(({ turn }) => [turn.runId]),
  );
  const next = new Set<number>();
  const rows: Params[] = [];
  segment.forEach(({ turn, index }, i) => {
    if (states[i] !== undefined && !locked.has(turn.runId)) {
      results[index] = BUSY;
      return;
    }
    const place = placeOf(turn, states[i]);
    if (place === 'next') {
      if (isPlain(turn)) rows.push(...historyOf(turn));
      else next.add(index);
    }
    results[index] = place === 'fenced' ? FENCED : COMMITTED;
  });
  yield* change(INSERT_HISTORY, rows);
  return next;
}
