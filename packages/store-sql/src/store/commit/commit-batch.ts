/**
 * A batch of turns, and what happens when the database does not take it: one bad turn must not harm the others. A
 * batch that fails has been rolled back; it is halved until the bad turn is alone.
 */
import type { CommitResult, Turn } from '@dudousxd/nestjs-durable-core';
import type { SqlExecutor } from '../../sql/executor.js';
import { blockRefused } from './block-refused.js';
import { commitTurns } from './commit-turns.js';

/**
 * Writes the turns, as one transaction where that goes well.
 *
 * A turn whose values the database refuses would be refused for ever: its run becomes `blocked` with the reason, and
 * the turn is `fenced`. Any other failure of a single turn rejects the call when the rest has been written; sent again,
 * the written turns answer from what is there.
 */
export async function commitBatch(
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
      results.push(...(await commitBatch(executor, half)));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return results;
}
