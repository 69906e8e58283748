import type { SignalMessage } from '../../model/message.js';
import { matchSignals, type SignalMatch } from '../signal-match.js';
import type { WaitRegistration } from '../state-store.js';

/** An open wait in a token's line. */
export interface WaitRow {
  readonly runId: string;
  readonly position: number;
  readonly deadline: number | null;
}

/** A payload that nobody has consumed. */
export interface PayloadRow {
  readonly id: string;
  readonly payload: string;
  readonly ttlMs: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
}

export type MailboxMatch = SignalMatch<WaitRow, PayloadRow>;

/** The mailbox of one token in one namespace: payloads in order of acceptance, waits in order of registration. */
export class Mailbox {
  readonly namespace: string;
  readonly token: string;
  readonly #payloads: PayloadRow[] = [];
  readonly #waits: WaitRow[] = [];
  /** When each id, consumed or not, is forgotten. */
  readonly #expiries = new Map<string, number>();

  constructor(namespace: string, token: string) {
    this.namespace = namespace;
    this.token = token;
  }

  /** Puts a payload at the end of the line; false if its id is remembered. */
  accept({ id, payload, ttlMs }: SignalMessage, now: number): boolean {
    if ((this.#expiries.get(id) ?? now) > now) return false;
    this.#dropPayload(id);
    const expiresAt = now + ttlMs;
    this.#payloads.push({ id, payload, ttlMs, acceptedAt: now, expiresAt });
    this.#expiries.set(id, expiresAt);
    return true;
  }

  pending(now: number): PayloadRow[] {
    return this.#payloads.filter((row) => row.expiresAt > now);
  }

  match(now: number): MailboxMatch[] {
    return this.#waits.length === 0 ? [] : matchSignals(this.#waits, this.pending(now));
  }

  wait(runId: string): WaitRow | undefined {
    return this.#waits.find((row) => row.runId === runId);
  }

  /** The payload is gone, its id stays remembered, and the wait that it was for is closed. */
  consume(id: string, runId: string): void {
    this.#dropPayload(id);
    this.withdraw(runId);
  }

  /** At the end of the line, or in the place of the run's older wait. */
  register(runId: string, { position, deadline }: WaitRegistration): void {
    const row: WaitRow = { runId, position, deadline };
    const at = this.#waits.findIndex((wait) => wait.runId === runId);
    if (at < 0) this.#waits.push(row);
    else this.#waits[at] = row;
  }

  withdraw(runId: string): void {
    const at = this.#waits.findIndex((wait) => wait.runId === runId);
    if (at >= 0) this.#waits.splice(at, 1);
  }

  /** Ids that are to be forgotten by now, and when each expired. */
  expired(now: number): readonly (readonly [id: string, expiresAt: number])[] {
    return [...this.#expiries].filter(([, expiresAt]) => expiresAt <= now);
  }

  /** Forgets an id, and its payload if nobody has consumed it. */
  forget(id: string): void {
    this.#expiries.delete(id);
    this.#dropPayload(id);
  }

  get isEmpty(): boolean {
    return this.#waits.length === 0 && this.#expiries.size === 0;
  }

  #dropPayload(id: string): void {
    const at = this.#payloads.findIndex((row) => row.id === id);
    if (at >= 0) this.#payloads.splice(at, 1);
  }
}
