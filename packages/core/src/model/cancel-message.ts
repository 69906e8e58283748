import type { InboxMessage } from './message.js';

/** Asks a run to cancel. A second request for the same run is the same message. */
export function cancelMessage(runId: string, reason: string | null): InboxMessage {
  return { runId, branch: null, key: 'cancel', body: { kind: 'cancel', reason } };
}
