import type { Operation } from '../replay/operation.js';
import { giveUp } from './cancel.js';
import type { RunState } from './run-state.js';

/** Gives up an operation that lost a `ctx.race`: recorded, so that a replay gives it up too. */
export function withdraw(state: RunState, operation: Operation): void {
  const waiting = state.waiting.get(operation.position);
  if (waiting === undefined) return;
  state.waiting.delete(operation.position);
  giveUp(state, waiting);
  if (waiting.is === 'step' && waiting.phase === 'due') {
    const at = state.draft.starts.indexOf(operation.position);
    if (at >= 0) state.draft.starts.splice(at, 1);
    return;
  }
  state.record(operation, { type: 'withdrawn' });
}
