import type { Arrival } from '../../model/message.js';
import type { RunRecord } from '../../model/run.js';
import { isTerminal } from '../../model/status.js';
import { copyOf } from './copy.js';
import type { Transition } from './transition.js';

type InTime = { readonly arrival: Arrival; readonly acceptedAt: number };

/**
 * What can be delivered to the run now, in order of acceptance; at the same millisecond the inbox comes before signals,
 * and signals in order of the positions that wait for them.
 */
export function receive(tx: Transition, run: RunRecord): Arrival[] {
  if (isTerminal(run.status)) return [];
  const arrivals = [...inboxArrivals(tx, run), ...signalArrivals(tx, run)];
  return arrivals.sort((a, b) => a.acceptedAt - b.acceptedAt).map((item) => item.arrival);
}

/** Whether `receive` would return anything. */
export function hasArrivals(tx: Transition, run: RunRecord): boolean {
  return receive(tx, run).length > 0;
}

function inboxArrivals({ tables }: Transition, run: RunRecord): InTime[] {
  return tables.inbox.receivable(run.id, run.branch).map(({ messageId, body, acceptedAt }) => ({
    arrival: { type: 'inbox', messageId, body: copyOf(body) },
    acceptedAt,
  }));
}

function signalArrivals({ tables, now }: Transition, run: RunRecord): InTime[] {
  return tables.mailboxes
    .waitedBy(run.id)
    .flatMap((mailbox) => {
      const match = mailbox.match(now).find(({ wait }) => wait.runId === run.id);
      if (!match) return [];
      const { id: messageId, payload, acceptedAt } = match.payload;
      return {
        token: mailbox.token,
        position: match.wait.position,
        messageId,
        payload,
        acceptedAt,
      };
    })
    .sort((a, b) => a.position - b.position)
    .map((signal) => ({ arrival: { type: 'signal', ...signal }, acceptedAt: signal.acceptedAt }));
}
