/**
 * Turns of one batch are written in sets. What one turn does may be seen by another (a message to its run, a place in a
 * token's line), so a batch is cut into waves of turns that do not concern each other. Within a wave the sets may be
 * written in any order of turns; the waves follow each other in the order of the batch.
 */
import { tokenKey } from '../mailboxes.js';
import { changedTokens, closesChildren, type IndexedTurn, type TurnPlan } from './turn-plan.js';

/**
 * The first turns of a batch that can be planned together: one turn per run, and a turn whose end ends other runs
 * stands alone.
 */
export function takeSegment(turns: readonly IndexedTurn[]): readonly IndexedTurn[] {
  const runs = new Set<string>();
  const repeated = turns.findIndex(({ turn }) => {
    const isRepeated = runs.has(turn.runId);
    runs.add(turn.runId);
    return isRepeated;
  });
  return repeated < 0 ? turns : turns.slice(0, repeated);
}

/** Whether the turn ends other runs, whose own turns have to be checked afterwards. */
export function endsOthers({ turn, children }: TurnPlan): boolean {
  if (!closesChildren(turn)) return false;
  const all = [...children.map((child) => child.close_policy), ...ownPolicies(turn)];
  return all.includes('terminate');
}

function ownPolicies(turn: IndexedTurn['turn']) {
  return turn.children.map(({ parent }) => parent?.closePolicy);
}

/** Cuts plans into waves, in order. */
export function wavesOf(plans: readonly TurnPlan[]): readonly (readonly TurnPlan[])[] {
  const waves: TurnPlan[][] = [];
  let reached = newReach();
  for (const plan of plans) {
    const own = reachOf(plan);
    const wave = waves.at(-1);
    if (wave && !concerns(reached, own)) {
      wave.push(plan);
    } else {
      waves.push([plan]);
      reached = newReach();
    }
    for (const id of own.runs) reached.runs.add(id);
    for (const id of own.targets) reached.targets.add(id);
    for (const key of own.tokens) reached.tokens.add(key);
  }
  return waves;
}

/** What turns read and write beyond their own history. */
interface Reach<Ids> {
  /** Runs whose rows they write. */
  readonly runs: Ids;
  /** Runs that they put something into the inboxes of: two may do so side by side. */
  readonly targets: Ids;
  readonly tokens: Ids;
}

function newReach(): Reach<Set<string>> {
  return { runs: new Set(), targets: new Set(), tokens: new Set() };
}

function reachOf(plan: TurnPlan): Reach<readonly string[]> {
  const { turn, run, waits, children } = plan;
  const parent = turn.change?.to === 'settled' ? run.parent_run_id : null;
  return {
    runs: [turn.runId, ...turn.children.map(({ id }) => id)],
    targets: [
      ...turn.messages.map(({ runId }) => runId),
      ...children.map(({ id }) => id),
      ...(parent === null ? [] : [parent]),
    ],
    tokens: [...changedTokens(plan), ...waits].map(tokenKey),
  };
}

function concerns(wave: Reach<ReadonlySet<string>>, turn: Reach<readonly string[]>): boolean {
  return (
    turn.runs.some((id) => wave.runs.has(id) || wave.targets.has(id)) ||
    turn.targets.some((id) => wave.runs.has(id)) ||
    turn.tokens.some((key) => wave.tokens.has(key))
  );
}
