/** Tables of the pages that say what the code says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canTransition, parseDuration, RunStatus } from '@dudousxd/nestjs-durable-core';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../src/page.js';

/** Cells of the rows of the table under a heading, without backquotes. */
function tableUnder(path: string, heading: string): readonly (readonly string[])[] {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n');
  const from = lines.indexOf(`## ${heading}`);
  const table = lines.findIndex((line, index) => index > from && line.startsWith('|'));
  const end = lines.findIndex((line, index) => index > table && !line.startsWith('|'));
  expect(Math.min(from, table, end), `the table under "${heading}"`).toBeGreaterThan(0);
  return lines.slice(table + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('docs/statuses.md', () => {
  it('has a row for each status', () => {
    const named = tableUnder('docs/statuses.md', 'Where a run stands').map(([status]) => status);
    expect(named.toSorted()).toEqual(Object.values(RunStatus).toSorted());
  });

  it('has only transitions that the table of core allows, and one out of each status that has any', () => {
    const rows = tableUnder('docs/statuses.md', 'Transitions');
    const statuses = Object.values(RunStatus);
    const left = new Set<RunStatus>();
    for (const [from, to] of rows) {
      const known = statuses.find((status) => status === from);
      const next = statuses.find((status) => status === to);
      if (known === undefined || next === undefined) throw new Error(`${from} → ${to} is no row`);
      expect(canTransition(known, next), `${known} → ${next}`).toBe(true);
      left.add(known);
    }
    const open = statuses.filter((from) => statuses.some((to) => canTransition(from, to)));
    expect([...left].toSorted()).toEqual(open.toSorted());
  });
});

describe('docs/settings.md', () => {
  it.each([
    ['Engine', 'EngineOptions'],
    ['Worker', 'WorkerOptions'],
  ])('%s has a row for each of %s', (heading, name) => {
    const source = readFileSync(join(ROOT, 'packages/core/src/engine-types.ts'), 'utf8');
    const body = source.split(`export interface ${name} {`)[1]?.split('\n}')[0] ?? '';
    const options = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option]) => option);
    expect(options.length).toBeGreaterThan(5);
    const rows = tableUnder('docs/settings.md', heading).map(([option]) => option);
    // What only tests of the engine set.
    const expected = options.filter((option) => option !== 'runtime');
    expect(rows.toSorted()).toEqual(expected.toSorted());
  });

  it('has the defaults that core fills in', () => {
    const source = readFileSync(join(ROOT, 'packages/core/src/settings.ts'), 'utf8');
    const filledIn = new Map(
      [...source.matchAll(/(?:duration|count)\((?:worker|options)\.(\w+), ([\d_]+),/g)].map(
        ([, name = '', value = '']) => [name, Number(value.replaceAll('_', ''))] as const,
      ),
    );
    expect(filledIn.size).toBeGreaterThanOrEqual(10);
    const rows = ['Engine', 'Worker'].flatMap((part) => tableUnder('docs/settings.md', part));
    const documented = new Map(rows.map(([name = '', value = '']) => [name, value]));
    for (const [name, value] of filledIn) expect(numberIn(documented.get(name)), name).toBe(value);
  });
});

/** A number as it stands, a duration in milliseconds. */
function numberIn(cell: string | undefined): number {
  const text = cell?.replaceAll("'", '') ?? '';
  return /^\d+$/.test(text) ? Number(text) : parseDuration(text, 'default');
}
