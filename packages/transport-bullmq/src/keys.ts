/**
 * Names in Redis. All of a namespace lie under one prefix, so that an ACL rule can hold them: `prefix:namespace:*`. Parts
 * that users choose are escaped, so that no two of them give one key. docs/protocol.md lists them for other languages.
 */

/** The keys of one namespace. */
export interface Keys {
  /** BullMQ's prefix of the task queues; the queue's name follows it. */
  readonly tasks: string;
  /** Sorted set of the attempts that engines have asked for lately, by when. */
  readonly wanted: string;
  /** Stream of cancels and of news about workers. */
  readonly control: string;
  /** Sorted sets of ids by when they were last seen. */
  readonly workers: string;
  readonly engines: string;
  /** What starts the key of every results stream. */
  readonly resultsOfAll: string;
  worker(id: string): string;
  engine(id: string): string;
  /** What starts the key of every inbox. */
  readonly inboxOfAll: string;
  /** Stream of what workers answer to an engine. */
  results(engineId: string): string;
}

/** `:` separates parts, and BullMQ refuses it in names of queues. */
export function escapePart(part: string): string {
  return part.replaceAll('%', '%25').replaceAll(':', '%3A');
}

/** The keys of a namespace under the transport's prefix. */
export function keysOf(prefix: string, namespace: string): Keys {
  const base = `${prefix}:${escapePart(namespace)}`;
  return {
    tasks: `${base}:task`,
    wanted: `${base}:wanted`,
    control: `${base}:control`,
    workers: `${base}:workers`,
    engines: `${base}:engines`,
    resultsOfAll: `${base}:results:`,
    inboxOfAll: `${base}:inbox:`,
    worker: (id) => `${base}:worker:${id}`,
    engine: (id) => `${base}:engine:${id}`,
    results: (engineId) => `${base}:results:${engineId}`,
  };
}
