import type { StartedChild } from '../decide/rebase.js';
import type { InboxMessage } from '../model/message.js';
import type { RunOutcome } from '../model/run.js';
import { isTerminal } from '../model/status.js';
import type { StateStore } from './state-store.js';

type Reader = Pick<StateStore, 'getRun'>;

/** How a run has ended; null if it has not. */
export async function endOf(store: Reader, runId: string): Promise<RunOutcome | null> {
  const run = await store.getRun(runId);
  if (run === undefined || !isTerminal(run.status)) return null;
  const { status, output, error, reason } = run;
  return { status, output, error, reason };
}

/**
 * Puts the ends of children into the inbox of the run that has started them. A child that ends while its parent is failed
 * tells nobody; the parent's owner looks for itself when it takes up a branch that a `retry` has opened. Told twice, an end
 * is taken once.
 */
export async function deliverLateEnds(
  store: Reader & Pick<StateStore, 'deliver'>,
  runId: string,
  children: readonly StartedChild[],
): Promise<void> {
  const messages: InboxMessage[] = [];
  for (const { childRunId, position } of children) {
    const outcome = await endOf(store, childRunId);
    if (outcome === null) continue;
    const body = { kind: 'child', position, childRunId, outcome } as const;
    messages.push({ runId, branch: null, key: `child:${position}:${childRunId}`, body });
  }
  if (messages.length > 0) await store.deliver(messages);
}
