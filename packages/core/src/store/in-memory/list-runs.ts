import { InvalidArgumentError } from '../../errors/invalid-argument-error.js';
import type { RunRecord } from '../../model/run.js';
import { RunStatus } from '../../model/status.js';
import type { RunFilter, RunPage } from '../state-store.js';
import { copyOf } from './copy.js';
import type { RunTable } from './run-table.js';

interface PageRequest {
  readonly filter: RunFilter;
  readonly limit: number;
  readonly cursor: string | null;
}

/** Where a page ended: runs that come after it in the order are on the next one, whatever is inserted meanwhile. */
interface PageEnd {
  readonly createdAt: number;
  readonly id: string;
}

/** One page, newest first. */
export function listRuns(runs: RunTable, { filter, limit, cursor }: PageRequest): RunPage {
  const end = cursor === null ? null : parseCursor(cursor);
  const rest = [...matching(runs, filter)]
    .filter((run) => end === null || newestFirst(end, run) < 0)
    .sort(newestFirst);
  const page = rest.slice(0, limit).map(copyOf);
  const last = page.at(-1);
  return { runs: page, cursor: last && rest.length > limit ? cursorOf(last) : null };
}

/** How many runs match, by status. */
export function countRuns(runs: RunTable, filter: RunFilter): Record<RunStatus, number> {
  const counts = Object.fromEntries(Object.values(RunStatus).map((status) => [status, 0]));
  for (const { status } of matching(runs, filter)) counts[status] = (counts[status] ?? 0) + 1;
  return counts as Record<RunStatus, number>;
}

function* matching(runs: RunTable, filter: RunFilter): Iterable<RunRecord> {
  for (const run of runs.all()) if (matches(run, filter)) yield run;
}

function matches(run: RunRecord, filter: RunFilter): boolean {
  const { namespace, workflow, status, tag, parentRunId } = filter;
  return (
    run.namespace === namespace &&
    (workflow === undefined || run.workflow === workflow) &&
    (status === undefined || status.includes(run.status)) &&
    (tag === undefined || run.tags.includes(tag)) &&
    (parentRunId === undefined || run.parent?.runId === parentRunId)
  );
}

function newestFirst(a: PageEnd, b: PageEnd): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

function cursorOf({ createdAt, id }: PageEnd): string {
  return `${createdAt}:${id}`;
}

function parseCursor(cursor: string): PageEnd {
  const [, createdAt, id] = /^(\d+):(.*)$/s.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    const todo = 'Pass the cursor of the previous page as it is, or null for the first page.';
    throw new InvalidArgumentError({ field: 'cursor', received: cursor, todo });
  }
  return { createdAt: Number(createdAt), id };
}
