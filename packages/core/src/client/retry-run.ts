/** `retry` of a failed run: a new branch that keeps what was recorded, and what its children have come to since. */
import type { Codec } from '../codec/codec.js';
import { toChildOutcome } from '../decide/child-outcome.js';
import {
  childrenInDoubt,
  rebaseForRetry,
  recordChildEnd,
  retryBoundary,
} from '../decide/rebase.js';
import type { HistoryEvent } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import { endOf } from '../store/late-child-ends.js';
import type { StateStore, VerbOutcome } from '../store/state-store.js';

/**
 * Puts a failed or blocked run back to work. A child that the run had started by `startChild` and that ended while the
 * run was failed could tell nobody: its end is written into the new branch. One that ends just now is found by the branch's
 * owner (late-child-ends.ts).
 */
export async function retryRun(
  store: StateStore,
  run: RunRecord,
  codec: Codec,
): Promise<VerbOutcome> {
  const { id: runId, branch, epoch } = run;
  const present = { runId, branch, epoch };
  if (run.status !== 'failed') return store.retry({ ...present, events: null });
  const [recorded = []] = await store.history([{ runId, branch, after: 0 }]);
  const boundary = retryBoundary(recorded, run.error, codec);
  const kept = rebaseForRetry(recorded, boundary);
  const events = await withChildEnds(store, kept, codec);
  return store.retry({ ...present, events, checkpointsBefore: boundary });
}

async function withChildEnds(
  store: StateStore,
  kept: readonly HistoryEvent[],
  codec: Codec,
): Promise<readonly HistoryEvent[]> {
  let events = kept;
  for (const child of childrenInDoubt(kept)) {
    const { childRunId, workflow } = child;
    const outcome = await endOf(store, childRunId);
    if (outcome === null) continue;
    const end = toChildOutcome({ childRunId, workflow, outcome }, codec);
    events = [...events, recordChildEnd(events, child, end)];
  }
  return events;
}
