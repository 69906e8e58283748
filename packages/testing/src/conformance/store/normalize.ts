import type { RunRecord } from '@dudousxd/nestjs-durable-core';

/**
 * An answer without what stores are free to choose: ids of inbox messages, cursors, and the order of lists that have
 * none.
 */
export function normalize(answer: unknown): unknown {
  if (answer instanceof Map)
    return normalize(sorted([...answer].filter(([, list]) => list.length)));
  if (Array.isArray(answer)) return answer.map(normalize);
  if (typeof answer !== 'object' || answer === null) return answer;
  const isInbox = 'type' in answer && answer.type === 'inbox';
  const entries = Object.entries(answer).filter(([key]) => !(isInbox && key === 'messageId'));
  return Object.fromEntries(entries.map(([key, value]) => [key, normalizeField(key, value)]));
}

function normalizeField(key: string, value: unknown): unknown {
  if (key === 'woken' || key === 'wakes') return sorted(value as string[]);
  if (key === 'owned') return (value as RunRecord[]).map((run) => normalize(run)).sort(byId);
  return normalize(value);
}

function sorted<T>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

function byId(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
