/** One measured figure with the method beside it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the issue asks for, in words; absent where nothing is asked. */
  readonly goal?: string;
  readonly holds?: boolean;
  readonly method: string;
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number } | undefined;

/** A figure that is held against a goal, where there is one. */
export function judged(figure: Omit<Figure, 'goal' | 'holds'>, goal: Goal): Figure {
  if (goal === undefined) return figure;
  const { value } = figure;
  return 'atLeast' in goal
    ? { ...figure, goal: `>= ${goal.atLeast.toLocaleString('en')}`, holds: value >= goal.atLeast }
    : { ...figure, goal: `<= ${goal.atMost.toLocaleString('en')}`, holds: value <= goal.atMost };
}

export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map(({ name, value, unit, goal, holds }) => [
    name,
    `${format(value)} ${unit}`,
    goal ?? '',
    holds === undefined ? '' : holds ? 'holds' : 'MISSED',
  ]);
  const head = ['figure', 'measured', 'goal', ''];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  process.stdout.write(`\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}\n`);
  for (const row of rows) process.stdout.write(`${line(row)}\n`);
}

function format(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(2);
}
