/** A chaos run in words. */
import type { ChaosReport } from './chaos.js';

/** Markdown. */
export function formatReport(report: ChaosReport): string {
  const list = (lines: readonly string[], most: number): string =>
    lines
      .slice(0, most)
      .map((line) => `- ${line}\n`)
      .join('') + (lines.length > most ? `- … and ${lines.length - most} more\n` : '');
  const facts: readonly (readonly [string, unknown])[] = [
    ['seed', report.seed],
    ['runs', `${report.runs}: ${pairs(report.runsByStatus)}`],
    ['signals acknowledged', report.signals],
    [
      'step functions called',
      `${report.stepCalls}, by process ${report.stepCallsByApp.join(' / ')}`,
    ],
    ['of these, repetitions after a fault', report.repeatedCalls],
    ['calls in workers that were broken off', report.brokenOff],
    ['remote attempts dispatched again', report.redispatches],
    ['answers forged, messages doubled', `${report.forged}, ${report.duplicated}`],
    ['faults', pairs(report.faults)],
    ['requests without an answer, repeated', report.repeatedRequests],
    ['runs taken from the dead', report.takeOvers],
    ['leases lost by living processes', report.leasesLost],
    ['stale writes refused', report.staleWritesRefused],
    ['stale writes accepted', report.staleWritesAccepted],
    ['a killed owner’s run has a new owner after', distribution(report.recovery.plain)],
    ['the same, for runs that are backed off', distribution(report.recovery.backedOff)],
    ['timers late by', distribution(report.latenessMs)],
    ['all runs ended after the last fault within', `${report.healedAfterMs} ms`],
    ['processes ended after SIGTERM within', distribution(report.shutdownMs)],
    ['looks of the doctor on the way', report.looks],
    ['violations', report.violations.length],
  ];
  const rows = facts.map(([name, value]) => `| ${name} | ${value} |\n`).join('');
  const lines = [...report.logLines].sort(([, a], [, b]) => b - a);
  return (
    `| | |\n|---|---|\n${rows}` +
    section('Violations', list(report.violations, 40)) +
    section('Invalid', list(report.invalid, 40)) +
    section(
      'Log lines',
      list(
        lines.map(([line, count]) => `${count} × \`${line}\``),
        25,
      ),
    )
  );
}

function section(title: string, text: string): string {
  return text === '' ? '' : `\n## ${title}\n\n${text}`;
}

function pairs(counts: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

/** @param sorted milliseconds */
function distribution(sorted: readonly number[]): string {
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms (${sorted.length})`;
}
