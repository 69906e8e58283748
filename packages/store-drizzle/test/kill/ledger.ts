/**
 * What really happened, outside the database under test: an append-only file that the killed processes share. Each line
 * is on the disk before the process goes on.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { HistoryEvent, RunResult } from '@dudousxd/nestjs-durable-core';

/** The body of a step, told apart by the attempt. `token` is part of the result that this very call returns. */
export interface BodyCall {
  readonly step: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly token: string;
}

export type LedgerFact =
  /** A body began. */
  | ({ readonly what: 'begin' } & BodyCall)
  /** It returned or threw. */
  | ({ readonly what: 'end' } & BodyCall)
  /** The engine said that the outcome of an attempt is committed. */
  | { readonly what: 'acked'; readonly step: string; readonly attempt: number }
  /** A place where a process can be killed was reached. */
  | { readonly what: 'point'; readonly at: string }
  /** The process stands still there, and waits for its end. */
  | { readonly what: 'stopped'; readonly at: string }
  /** The process came up and found this. */
  | { readonly what: 'boot'; readonly history: readonly HistoryEvent[] }
  | { readonly what: 'started'; readonly created: boolean }
  | { readonly what: 'signalled'; readonly accepted: boolean }
  | {
      readonly what: 'result';
      readonly result: RunResult;
      readonly history: readonly HistoryEvent[];
    };

/** `life`: 1 for the first process on the database, 2 for the one after its death. */
export type LedgerEntry = LedgerFact & { readonly life: number; readonly pid: number };

export class Ledger {
  readonly #file: number;
  readonly #life: number;

  constructor(path: string, life: number) {
    this.#file = openSync(path, 'a');
    this.#life = life;
  }

  append(fact: LedgerFact): void {
    const entry: LedgerEntry = { ...fact, life: this.#life, pid: process.pid };
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export function readLedger(path: string): readonly LedgerEntry[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerEntry);
}

/** The entries of one kind, in order. */
export function only<W extends LedgerFact['what']>(
  entries: readonly LedgerEntry[],
  what: W,
): readonly Extract<LedgerEntry, { what: W }>[] {
  return entries.filter((entry): entry is Extract<LedgerEntry, { what: W }> => entry.what === what);
}
