import type { RunPage, RunRecord, StateStore, UnservedTask } from '@dudousxd/nestjs-durable-core';
import { NAMESPACE, QUEUE } from './build.js';

/** More than any test has runs for. */
const MAX_PAGES = 1_000;

/** What to look at, beside all runs of the namespace. */
export interface DumpScope {
  readonly tokens?: readonly string[];
  readonly serves?: readonly string[];
}

/**
 * Everything that the port shows, as plain data for a comparison: runs, histories of all branches, arrivals, tasks,
 * unconsumed signals, and the next wake. Looking changes nothing but the order in which visible tasks are handed out.
 */
export async function dumpStore(store: StateStore, scope: DumpScope = {}): Promise<unknown> {
  const { tokens = [], serves = [QUEUE] } = scope;
  const runs = await listAllRuns(store);
  const ids = runs.map((run) => run.id);
  const requests = runs.flatMap(({ id: runId, branch }) =>
    Array.from({ length: branch + 1 }, (_, i) => ({ runId, branch: i, after: 0 })),
  );
  const arrivals = await store.receive(ids);
  const peek = { worker: 'observer', namespace: NAMESPACE };
  const { nextWakeAt, more } = await store.claim({ ...peek, serves, limit: 0, resync: false });
  const outbox = { ...peek, limit: 10_000, visibilityMs: 0, steps: null };
  const { tasks } = await store.takeTasks(outbox);
  return {
    runs,
    histories: await store.history(requests),
    arrivals: ids.map((id) => [id, arrivals.get(id) ?? []]),
    // Looking counts as taking.
    tasks: tasks.map(({ takes: _, ...task }) => task),
    unserved: sortedTasks(await store.listUnserved(ids)),
    signals: await Promise.all(tokens.map((token) => store.listSignals(NAMESPACE, token))),
    nextWakeAt,
    more,
  };
}

function sortedTasks(tasks: readonly UnservedTask[]): UnservedTask[] {
  return tasks.toSorted((a, b) =>
    a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : a.position - b.position,
  );
}

/** All runs of the suite's namespace, by id. */
export async function listAllRuns(store: StateStore): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages === 0 || cursor !== null; pages += 1) {
    if (pages > MAX_PAGES) throw new Error('listRuns does not come to an end');
    const page: RunPage = await store.listRuns({ namespace: NAMESPACE }, 100, cursor);
    runs.push(...page.runs);
    cursor = page.cursor;
  }
  return runs.sort((a, b) => (a.id < b.id ? -1 : 1));
}
