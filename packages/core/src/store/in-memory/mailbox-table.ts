import type { WaitRegistration } from '../state-store.js';
import { Mailbox } from './mailbox.js';
import { MultiMap } from './multi-map.js';

/** The mailboxes by namespace and token, and which of them each run waits at. */
export class MailboxTable {
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #waitedBy = new MultiMap<string, Mailbox>();

  get(namespace: string, token: string): Mailbox | undefined {
    return this.#mailboxes.get(mailboxKey(namespace, token));
  }

  open(namespace: string, token: string): Mailbox {
    const key = mailboxKey(namespace, token);
    const mailbox = this.#mailboxes.get(key) ?? new Mailbox(namespace, token);
    this.#mailboxes.set(key, mailbox);
    return mailbox;
  }

  /** The mailboxes at which the run has an open wait. */
  waitedBy(runId: string): readonly Mailbox[] {
    return this.#waitedBy.get(runId);
  }

  register(mailbox: Mailbox, runId: string, wait: WaitRegistration): void {
    mailbox.register(runId, wait);
    this.#waitedBy.add(runId, mailbox);
  }

  withdraw(mailbox: Mailbox, runId: string): void {
    mailbox.withdraw(runId);
    this.#waitedBy.delete(runId, mailbox);
    if (mailbox.isEmpty) this.#mailboxes.delete(mailboxKey(mailbox.namespace, mailbox.token));
  }

  consume(mailbox: Mailbox, payloadId: string, runId: string): void {
    mailbox.consume(payloadId, runId);
    this.#waitedBy.delete(runId, mailbox);
  }

  purge(limit: number, now: number): number {
    let purged = 0;
    for (const [key, mailbox] of this.#mailboxes) {
      purged += mailbox.purge(limit - purged, now);
      if (mailbox.isEmpty) this.#mailboxes.delete(key);
    }
    return purged;
  }
}

function mailboxKey(namespace: string, token: string): string {
  return JSON.stringify([namespace, token]);
}
