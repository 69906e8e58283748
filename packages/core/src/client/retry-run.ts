/** `retry` of a failed run: a new branch that keeps what was recorded, and what its children have come to since. */
import type { Codec } from '../codec/codec.js';
import { toChildOutcome } from '../decide/child-outcome.js';
import {
  childrenInDoubt,
  rebaseForRetry,
  recordChildEnd,
  retryBoundary,
  type StartedChild,
} from '../decide/rebase.js';
import type { HistoryEvent } from '../model/history.js';
import type { InboxMessage } from '../model/message.js';
import type { RunOutcome, RunRecord } from '../model/run.js';
import { isTerminal } from '../model/status.js';
import type { StateStore, VerbOutcome } from '../store/state-store.js';

/**
 * Puts a failed or blocked run back to work. A child that the run had started by `startChild` and that ended while the
 * run was failed could tell nobody: its end is written into the new branch, or put into the inbox if it falls between.
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
  const outcome = await store.retry({ ...present, events, checkpointsBefore: boundary });
  if (outcome.outcome === 'done') await deliverLateEnds(store, runId, childrenInDoubt(events));
  return outcome;
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

async function deliverLateEnds(
  store: StateStore,
  runId: string,
  children: readonly StartedChild[],
): Promise<void> {
  const messages: InboxMessage[] = [];
  for (const { childRunId, position } of children) {
    const outcome = await endOf(store, childRunId);
    if (outcome === null) continue;
    const key = `child:${position}:${childRunId}`;
    messages.push({
      runId,
      branch: null,
      key,
      body: { kind: 'child', position, childRunId, outcome },
    });
  }
  if (messages.length > 0) await store.deliver(messages);
}

async function endOf(store: StateStore, runId: string): Promise<RunOutcome | null> {
  const run = await store.getRun(runId);
  if (run === undefined || !isTerminal(run.status)) return null;
  const { status, output, error, reason } = run;
  return { status, output, error, reason };
}
