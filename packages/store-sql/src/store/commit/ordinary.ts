/** Which turns of a batch the hot path takes: most of them. */
import type { Turn } from '@dudousxd/nestjs-durable-core';
import { isPlain } from './turn-plan.js';

/**
 * Whether the turn only appends to its history, takes checkpoints off the inbox and, perhaps, ends a run that nobody else
 * may be concerned with.
 */
function isOrdinary(turn: Turn): boolean {
  const { change, events } = turn;
  if (change !== null && (change.to !== 'settled' || change.hasChildren)) return false;
  if (!isPlain({ ...turn, change: null, consumedInbox: [] })) return false;
  if (!consumesOnlyCheckpoints(turn)) return false;
  return events.every(({ seq }, i) => i === 0 || seq === (events[i - 1]?.seq ?? 0) + 1);
}

/** As far as its events show: the statement looks for itself. */
function consumesOnlyCheckpoints({ consumedInbox, events }: Turn): boolean {
  if (consumedInbox.length === 0) return true;
  const committed = events.filter(
    ({ kind, type }) => kind === 'transaction' && type === 'completed',
  );
  return committed.length === consumedInbox.length;
}

/** The first ordinary turn of each run that has no turn before it in the batch, by their places. */
export function takeOrdinary(turns: readonly Turn[]): readonly number[] {
  const runs = new Set<string>();
  return turns.flatMap((turn, i) => {
    if (runs.has(turn.runId)) return [];
    runs.add(turn.runId);
    return isOrdinary(turn) ? [i] : [];
  });
}
