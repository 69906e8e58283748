/** What the reader sees. Colour only on a terminal. */
import { styleText } from 'node:util';
import type { Row } from './rows.js';

type Style = Parameters<typeof styleText>[0];

/** `styleText` leaves the text plain unless standard output is a terminal that takes colour. */
function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function printTitle(title: string, explanation: string): void {
  console.log(`\n${paint('bold', title)}\n${explanation}\n`);
}

export function printAction(who: string, what: string): void {
  console.log(`  ${who.padEnd(14)} ${what}`);
}

export function printTimeline(title: string, rows: readonly Row[]): void {
  console.log(`\n${paint('bold', title)}`);
  console.log(paint('dim', '   began     took  step                  attempt  ran in'));
  for (const { beganMs, tookMs, step, attempt, ranIn, outcome } of rows) {
    const began = `${(beganMs / 1_000).toFixed(2)} s`.padStart(8);
    const took = `${tookMs} ms`.padStart(8);
    const what = `${step.padEnd(20)}  ${String(attempt).padEnd(7)}  ${ranIn.padEnd(36)}`;
    const style = outcome === 'recorded' ? 'green' : 'red';
    console.log(`${began} ${took}  ${what}  ${paint(style, outcome)}`);
  }
}

/** A claim of the demo, and whether it has come true. */
export interface Check {
  readonly claim: string;
  readonly holds: boolean;
}

export function printChecks(checks: readonly Check[]): void {
  console.log('');
  for (const { claim, holds } of checks) {
    console.log(
      holds ? `${paint('green', '✓')} ${claim}` : `${paint('red', '✗')} NOT SO: ${claim}`,
    );
  }
}
