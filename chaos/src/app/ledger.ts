/**
 * What really happened, outside the database: an append-only file that all processes share. A line is on the disk before
 * the process goes on.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

export type LedgerFact =
  /** The function of a step began. */
  | {
      readonly what: 'begin';
      readonly call: string;
      readonly run: string;
      readonly key: string;
      readonly attempt: number;
    }
  /** It returned or threw. `token` is part of its result. */
  | { readonly what: 'end'; readonly call: string; readonly token: string | null }
  /** The process goes by this worker id now. */
  | { readonly what: 'worker'; readonly worker: string }
  /** The store refused turns of this process, because somebody else owns their runs. */
  | { readonly what: 'fenced'; readonly runs: readonly string[] }
  /** The event loop stood still for this long, until now. */
  | { readonly what: 'stalled'; readonly ms: number };

/** `at`: true time in epoch milliseconds, however wrong the process's clock is. `app`: the process's number. */
export type LedgerEntry = LedgerFact & {
  readonly at: number;
  readonly app: number;
  readonly pid: number;
};

/** A process may be told a wrong time (see `clock.ts`): this is the machine's. */
const timeOrigin = performance.timeOrigin;

function trueTime(): number {
  return timeOrigin + performance.now();
}

export class Ledger {
  readonly #file: number;
  readonly #app: number;

  constructor(path: string, app: number) {
    this.#file = openSync(path, 'a');
    this.#app = app;
  }

  append(fact: LedgerFact): void {
    const entry: LedgerEntry = { ...fact, at: trueTime(), app: this.#app, pid: process.pid };
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
