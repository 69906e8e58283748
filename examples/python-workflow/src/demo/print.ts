/** What the reader sees. Colour only on a terminal. */
import { styleText } from 'node:util';
import type { Check } from './checks.js';
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
  console.log(`  ${who.padEnd(20)} ${what}`);
}

export function printKill(pid: number): void {
  const what = `kill -9 ${pid}`.padEnd(20);
  console.log(paint('red', `  ${what} no warning, no time to tidy up`));
}

export function printTimeline(title: string, rows: readonly Row[]): void {
  console.log(`\n${paint('bold', title)}`);
  console.log(paint('dim', '   began     took  operation                ran in'));
  for (const { beganMs, tookMs, kind, name, program, outcome } of rows) {
    const began = `${(beganMs / 1_000).toFixed(2)} s`.padStart(8);
    const took = (tookMs === undefined ? '' : `${tookMs} ms`).padStart(8);
    const place = program === undefined ? '' : `${program.name} (process ${program.pid})`;
    const what = `${kind.padEnd(6)}  ${name.padEnd(15)}  ${place.padEnd(24)}`;
    const style = outcome === 'recorded' ? 'green' : 'red';
    console.log(`${began} ${took}  ${what}  ${paint(style, outcome)}`);
  }
}

export function printChecks(checks: readonly Check[]): void {
  console.log('');
  for (const { claim, holds } of checks) {
    console.log(
      holds ? `${paint('green', '✓')} ${claim}` : `${paint('red', '✗')} NOT SO: ${claim}`,
    );
  }
}
