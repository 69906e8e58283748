/**
 * A batch of turns, and what happens when the database does not take it: one bad turn must not harm the others. A
 * batch that fails has been rolled back; it is halved until the bad turn is alone.
 */
import type { CommitResult, Turn } from '@dudousxd/nestjs-durable-core';
import type { SqlExecutor } from '../../sql/executor.js';
import { hotRows } from '../hot-rows.js';
import { blockRefused } from './block-refused.js';
import { commitTurns } from './commit-turns.js';
import { takeOrdinary } from './ordinary.js';

const NONE: ReadonlySet<number> = new Set();
const COMMITTED: CommitResult = { outcome: 'committed', woken: [] };

/**
 * Writes the turns: the ordinary ones as one statement where the database can do that, the others as one transaction
 * where that goes well.
 *
 * A turn whose values the database refuses would be refused for ever: its run becomes `blocked` with the reason, and
 * the turn is `fenced`. Any other failure of a single turn rejects the call when the rest has been written; sent again,
 * the written turns answer from what is there.
 */
export async function commitBatch(
  executor: SqlExecutor,
  turns: readonly Turn[],
): Promise<readonly CommitResult[]> {
  // Where there is nothing to wait for, a synchronous driver has written when this returns.
  const written = executor.dialect.hotPath === null ? NONE : await commitOrdinary(executor, turns);
  if (written.size === turns.length) return turns.map(() => COMMITTED);
  const rest = turns.filter((_, i) => !written.has(i));
  const results = await commitScripted(executor, rest);
  // No turn is ever taken for committed for want of an answer.
  if (results.length !== rest.length) throw new Error('turns have been left without an answer');
  const others = results.values();
  return turns.flatMap((_, i) => (written.has(i) ? COMMITTED : (others.next().value ?? [])));
}

/** The places of the turns that one statement has written. The others are as they were. */
async function commitOrdinary(
  executor: SqlExecutor,
  turns: readonly Turn[],
): Promise<ReadonlySet<number>> {
  const { clock, dialect } = executor;
  if (dialect.hotPath === null) return NONE;
  const places = takeOrdinary(turns);
  if (places.length === 0) return NONE;
  const ordinary = places.length === turns.length ? turns : places.flatMap((i) => turns[i] ?? []);
  const { statement, params } = dialect.hotPath.commit(ordinary, clock?.() ?? null);
  const rows = await hotRows(executor, statement, params);
  return new Set(rows.map(({ i }) => places[i] ?? -1));
}

async function commitScripted(
  executor: SqlExecutor,
  turns: readonly Turn[],
): Promise<readonly CommitResult[]> {
  try {
    return await executor.write(() => commitTurns(turns));
  } catch (error) {
    const kind = executor.classify(error);
    if (kind === 'unavailable') throw error;
    if (turns.length > 1) return commitHalves(executor, turns);
    const [turn] = turns;
    if (turn === undefined || kind !== 'refused') throw error;
    return [await executor.write(() => blockRefused(turn, error))];
  }
}

async function commitHalves(
  executor: SqlExecutor,
  turns: readonly Turn[],
): Promise<readonly CommitResult[]> {
  const middle = turns.length >> 1;
  const halves = [turns.slice(0, middle), turns.slice(middle)];
  const results: CommitResult[] = [];
  const errors: unknown[] = [];
  for (const half of halves) {
    try {
      results.push(...(await commitScripted(executor, half)));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return results;
}
