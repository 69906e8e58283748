/** What the command line asks for. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Short rounds, to check the benchmarks themselves: their figures say little. */
  readonly quick: boolean;
  /** Empty = all. */
  readonly databases: readonly string[];
  /** Empty = all. */
  readonly orms: readonly string[];
}

export interface CommandLine extends Options {
  /** Empty = all. */
  readonly scenarios: readonly string[];
}

/** @throws Error for an option that there is not */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      database: { type: 'string', multiple: true, default: [] },
      orm: { type: 'string', multiple: true, default: [] },
    },
  });
  const { quick, database, orm } = values;
  return { scenarios: positionals, quick, databases: database, orms: orm };
}

/** Whether the name is among those that were asked for; everything is, where nothing was. */
export function isWanted(name: string, asked: readonly string[]): boolean {
  return asked.length === 0 || asked.includes(name);
}
