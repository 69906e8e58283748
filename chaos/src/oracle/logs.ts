/** I20: what the applications wrote. */
import { readFileSync } from 'node:fs';

const ALARMING =
  /unhandled ?rejection|unhandled 'error'|uncaught|never retrieved|assertion|deadlock|out of memory| FATAL \[/i;

export interface LogVerdict {
  readonly violations: readonly string[];
  /** How often each kind of line came; numbers and ids are left out of them. */
  readonly kinds: ReadonlyMap<string, number>;
}

export function judgeLogs(paths: readonly string[]): LogVerdict {
  const violations: string[] = [];
  const kinds = new Map<string, number>();
  for (const path of paths) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (ALARMING.test(line)) violations.push(`I20: ${line.slice(0, 400)}`);
      const [, level, text] = /\s(WARN|ERROR)\s(.*)$/.exec(line) ?? [];
      if (level === undefined || text === undefined) continue;
      const kind = `${level} ${text.replace(/[\da-f]{8}-[\da-f-]{27}|\d+/g, '#').slice(0, 160)}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  }
  return { violations, kinds };
}
