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

  /** Forgets up to `limit` expired ids, those that expired first before others; returns how many. */
  purge(limit: number, now: number): number {
    const expired = [...this.#mailboxes].flatMap(([key, mailbox]) =>
      mailbox.expired(now).map(([id, expiresAt]) => ({ key, mailbox, id, expiresAt })),
    );
    const first = expired.sort(byExpiry).slice(0, limit);
    for (const { key, mailbox, id } of first) {
      mailbox.forget(id);
      if (mailbox.isEmpty) this.#mailboxes.delete(key);
    }
    return first.length;
  }
}

interface Expired {
  readonly mailbox: Mailbox;
  readonly id: string;
  readonly expiresAt: number;
}

function byExpiry(a: Expired, b: Expired): number {
  return (
    a.expiresAt - b.expiresAt ||
    compare(a.mailbox.namespace, b.mailbox.namespace) ||
    compare(a.mailbox.token, b.mailbox.token) ||
    compare(a.id, b.id)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function mailboxKey(namespace: string, token: string): string {
  return JSON.stringify([namespace, token]);
}
