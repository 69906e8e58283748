/** What the reader sees. Colour only on a terminal. */
import { styleText } from 'node:util';
import type { Check } from './checks.js';
import type { Row } from './timeline.js';

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

export function printKill(pid: number, why: string): void {
  console.log(`  ${paint('red', `kill -9 ${pid}`.padEnd(14))} ${why}`);
}

export function printTimeline(title: string, rows: readonly Row[], since: number): void {
  console.log(`\n${paint('bold', title)}`);
  for (const { at, pid, what, outcome } of rows) {
    const seconds = `${((at - since) / 1_000).toFixed(2)} s`.padStart(8);
    const body = `${`process ${pid ?? '?'}`.padEnd(16)} ${what.padEnd(22)}`;
    console.log(`${seconds}   ${body} ${OUTCOMES[outcome]}`);
  }
}

const OUTCOMES: Readonly<Record<Row['outcome'], string>> = {
  recorded: paint('green', 'recorded'),
  'cut short': paint('red', 'began, killed in the middle'),
  repeated: paint('green', 'began again, recorded'),
};

export function printChecks(checks: readonly Check[]): void {
  console.log('');
  for (const { claim, holds } of checks) {
    console.log(
      holds ? `${paint('green', '✓')} ${claim}` : `${paint('red', '✗')} NOT SO: ${claim}`,
    );
  }
}
