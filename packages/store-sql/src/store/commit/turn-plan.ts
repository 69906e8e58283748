/** What the batch has to know of a turn before it can be written beside others. */
import type { Turn } from '@dudousxd/nestjs-durable-core';
import { firstOfEach, rowsOfEach, type Script } from '../../sql/script.js';
import { GET_HEAD, LIVING_CHILDREN, type RunHead } from '../../statements/runs.js';
import { type OpenWait, WAITS_OF_RUN } from '../../statements/signals.js';
import type { TokenRef } from '../mailboxes.js';
import type { Woken } from '../transition.js';

/** A turn that does more than append to its history. */
export interface TurnPlan {
  readonly turn: Turn;
  /** Its place in the call. */
  readonly index: number;
  readonly run: RunHead;
  /** The run's open waits before the turn. */
  readonly waits: readonly OpenWait[];
  /** Children that its end concerns. */
  readonly children: readonly RunHead[];
  readonly woken: Woken;
}

/** A turn and its place in the call. */
export interface IndexedTurn {
  readonly turn: Turn;
  readonly index: number;
}

/** Whether all that the turn does is to append to its history. */
export function isPlain(turn: Turn): boolean {
  return (
    turn.change === null &&
    turn.consumedInbox.length === 0 &&
    turn.consumedSignals.length === 0 &&
    turn.waits.length === 0 &&
    turn.withdrawals.length === 0 &&
    turn.tasks.length === 0 &&
    turn.endedTasks.length === 0 &&
    turn.children.length === 0 &&
    turn.messages.length === 0
  );
}

/** Reads what the plans need. A turn of an unknown run has none. */
export function* planTurns(turns: readonly IndexedTurn[]): Script<readonly TurnPlan[]> {
  const ids = turns.map(({ turn }) => [turn.runId]);
  const heads = yield* firstOfEach(GET_HEAD, ids);
  const waits = yield* rowsOfEach(WAITS_OF_RUN, ids);
  const parents = turns.filter(({ turn }) => closesChildren(turn));
  const children = yield* rowsOfEach(
    LIVING_CHILDREN,
    parents.map(({ turn }) => [turn.runId, turn.branch]),
  );
  const childrenOf = new Map(parents.map((parent, i) => [parent, children[i] ?? []]));
  return turns.flatMap((indexed, i) => {
    const run = heads[i];
    if (!run) return [];
    const woken: Woken = new Set();
    return [
      { ...indexed, run, waits: waits[i] ?? [], children: childrenOf.get(indexed) ?? [], woken },
    ];
  });
}

/** Whether the end of the run has to be passed on to children. */
export function closesChildren({ change }: Turn): boolean {
  return change?.to === 'settled' && change.hasChildren;
}

/** The mailboxes that the turn changes. */
export function changedTokens({ turn }: TurnPlan): readonly TokenRef[] {
  const { namespace, consumedSignals, waits, withdrawals } = turn;
  return [...consumedSignals, ...waits, ...withdrawals].map(({ token }) => ({ namespace, token }));
}
