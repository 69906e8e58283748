/** Which turns of a batch the hot path takes: most of them. */
import type { Turn } from '@dudousxd/nestjs-durable-core';
import { isPlain } from './turn-plan.js';

/**
 * Whether the turn only appends to its history, takes checkpoints off the inbox, puts tasks into the outbox or takes them out
 * and, perhaps, ends a run that nobody else may be concerned with.
 */
function isOrdinary(turn: Turn): boolean {
  const { change, events } = turn;
  if (change !== null && (change.to !== 'settled' || change.hasChildren)) return false;
  const rest = { ...turn, change: null, consumedInbox: [], tasks: [], endedTasks: [] };
  if (!isPlain(rest) || !tasksStay(turn)) return false;
  if (!consumesOnlyCheckpoints(turn)) return false;
  return events.every(({ seq }, i) => i === 0 || seq === (events[i - 1]?.seq ?? 0) + 1);
}

/** One statement does not see what it has put in: tasks that the turn itself gives up again are for the script. */
function tasksStay({ change, tasks, endedTasks }: Turn): boolean {
  if (tasks.length === 0) return true;
  return change === null && !tasks.some(({ id }) => endedTasks.includes(id));
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
