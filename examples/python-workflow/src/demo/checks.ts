/** What the demo claims, checked. */
import type { RunResult } from '@dudousxd/nestjs-durable-core';
import type { Program } from './program.js';
import type { Row } from './rows.js';

/** A claim of the demo, and whether it has come true. */
export interface Check {
  readonly claim: string;
  readonly holds: boolean;
}

/** What has become of a run. */
export interface Story {
  readonly runId: string;
  readonly result: RunResult;
  readonly rows: readonly Row[];
}

/** The body that was under way when Python was killed. */
export interface Interruption {
  readonly runId: string;
  readonly step: string;
  readonly killed: Program;
  readonly next: Program;
  readonly nest: Program;
}

export function checksOf(stories: readonly Story[], interruption: Interruption): readonly Check[] {
  const { runId, step, killed, next, nest } = interruption;
  const bodies = [killed, next, nest].flatMap((program) => program.bodies);
  const recorded = stories
    .flatMap(({ rows }) => rows)
    .filter(({ key, outcome }) => key !== undefined && outcome === 'recorded');
  const of = (id: string) => stories.find((story) => story.runId === id)?.rows ?? [];
  const repeated = of(runId).filter(({ name }) => name === step);
  const undone = of('order-1002').filter(({ outcome }) => outcome === 'recorded');
  return [
    {
      claim: `${runId}: its code is in Python, and its steps ran in Python and in Nest`,
      holds: ['nest', 'python'].every((name) =>
        of(runId).some(({ program }) => program?.name === name),
      ),
    },
    {
      claim: `no step whose result was recorded ran again: ${recorded.length} steps, ${recorded.length} results`,
      holds: bodies.length === recorded.length + 1 && areUnlike(recorded.map(({ key }) => key)),
    },
    {
      claim: `only ${step} of ${runId}, cut short by the kill, ran again, under the same idempotency key`,
      holds:
        repeated.map(({ program }) => program?.pid).join() === [killed.pid, next.pid].join() &&
        new Set(repeated.map(({ key }) => key)).size === 1,
    },
    {
      claim: 'order-1002: nobody has approved it, so the charge and the stock went back',
      holds:
        undone
          .slice(-2)
          .map(({ name }) => name)
          .join() === 'refund,stock.release',
    },
    {
      claim: 'survey-1001: a run that a step in Python has started, through the client',
      holds: of('survey-1001').length > 0,
    },
    {
      claim: 'all runs have ended as they should',
      holds: stories.map(({ result }) => statusOf(result)).join() === EXPECTED.join(),
    },
  ];
}

const EXPECTED = ['delivered', 'completed', 'completed', 'refunded'];

/** What the workflow says of itself; else the status of the run. */
export function statusOf(result: RunResult): string {
  if (result.status !== 'completed') return result.status;
  const output = result.output as { readonly status?: string } | null | undefined;
  return output?.status ?? result.status;
}

function areUnlike(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
