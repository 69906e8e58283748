import { type CommitResult, createCodec, type Turn } from '@dudousxd/nestjs-durable-core';
import { change, first, lockRows, type Script } from '../../sql/script.js';
import { DELETE_READY } from '../../statements/ready.js';
import { BLOCK_RUN, LOCK_RUN, TURN_STATE } from '../../statements/runs.js';
import { placeOf } from './check-turns.js';

const codec = createCodec();

/** Blocks the run of a turn that the database refuses to store, if the turn's worker still owns it. */
export function* blockRefused(turn: Turn, refusal: unknown): Script<CommitResult> {
  yield* lockRows(LOCK_RUN, [[turn.runId]]);
  const state = yield* first(TURN_STATE, [turn.runId]);
  if (placeOf(turn, state) === 'next') {
    const message = refusal instanceof Error ? refusal.message : String(refusal);
    const reason = `the database refused to store its turn: ${message}`;
    yield* change(BLOCK_RUN, [[reason, codec.encodeError(refusal), turn.runId]]);
    yield* change(DELETE_READY, [[turn.runId]]);
  }
  return { outcome: 'fenced', woken: [] };
}
