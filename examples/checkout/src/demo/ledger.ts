/**
 * What the bodies of steps really did: an append-only file beside the database. A line is on the disk before the body
 * goes on, so a killed process leaves its lines behind.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface LedgerLine {
  readonly what: 'begin' | 'end';
  readonly step: string;
  readonly orderId: string;
  readonly idempotencyKey: string;
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

export function appendLine(file: string, line: LedgerLine): void {
  const handle = openSync(file, 'a');
  writeSync(handle, `${JSON.stringify(line)}\n`);
  fsyncSync(handle);
  closeSync(handle);
}

export function readLines(file: string): readonly LedgerLine[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerLine);
}
