/** Reads for people and programs. Nothing here changes anything. */
import {
  type Arrival,
  type HistoryEvent,
  type HistoryRequest,
  InvalidArgumentError,
  type RunFilter,
  type RunPage,
  type RunRecord,
  RunStatus,
} from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import { databaseTime, first, firstOfEach, rows, rowsOfEach, type Script } from '../sql/script.js';
import { type Params, query, type SqlValue } from '../sql/statement.js';
import { READ_HISTORY } from '../statements/history.js';
import { GET_HEAD, GET_RUN, RUN_COLUMNS, type RunRow } from '../statements/runs.js';
import { GET_WORKFLOW, SERVED_BY_ANY, SERVED_BY_LIVE } from '../statements/workers.js';
import { receiveAll } from './receive.js';
import { toHistoryEvent, toRunRecord } from './rows.js';
import { begin } from './transition.js';

/** More rows than any query returns. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

export function* getRun(runId: string): Script<RunRecord | undefined> {
  const row = yield* first(GET_RUN, [runId]);
  return row && toRunRecord(row);
}

export function* history(
  requests: readonly HistoryRequest[],
): Script<readonly (readonly HistoryEvent[])[]> {
  const found = yield* rowsOfEach(
    READ_HISTORY,
    requests.map(({ runId, branch, after, limit }) => [runId, branch, after, limit ?? NO_LIMIT]),
  );
  return found.map((events) => events.map(toHistoryEvent));
}

/** What has arrived for runs; an unknown run is left out. */
export function* receive(
  runIds: readonly string[],
): Script<ReadonlyMap<string, readonly Arrival[]>> {
  const tx = yield* begin();
  const heads = yield* firstOfEach(
    GET_HEAD,
    runIds.map((id) => [id]),
  );
  const runs = heads.flatMap((head) => head ?? []);
  const arrivals = yield* receiveAll(tx, runs);
  return new Map(runs.map((run, i) => [run.id, arrivals[i] ?? []]));
}

/** `workflow@version` pairs that live workers announce, sorted. */
export function* listServed(namespace: string): Script<readonly string[]> {
  const now = yield* databaseTime();
  const workers = yield* rows(SERVED_BY_LIVE, [namespace, now]);
  const served = workers.flatMap(({ serves }) => JSON.parse(serves) as readonly string[]);
  return [...new Set(served)].sort();
}

/** What workers announced that are gone, and no live one, with the time at which the last of them went. */
export function* lastServed(namespace: string): Script<ReadonlyMap<string, number>> {
  const now = yield* databaseTime();
  const live = new Set<string>();
  const last = new Map<string, number>();
  for (const { serves, lease_until, dead_at } of yield* rows(SERVED_BY_ANY, [namespace])) {
    const isLive = dead_at === null && lease_until >= now;
    const goneAt = Math.min(dead_at ?? lease_until, lease_until);
    for (const queue of JSON.parse(serves) as readonly string[]) {
      if (isLive) live.add(queue);
      else last.set(queue, Math.max(goneAt, last.get(queue) ?? 0));
    }
  }
  for (const queue of live) last.delete(queue);
  return last;
}

export function* isKnownWorkflow(namespace: string, workflow: string): Script<boolean> {
  return (yield* first(GET_WORKFLOW, [namespace, workflow])) !== undefined;
}

interface PageRequest {
  readonly filter: RunFilter;
  readonly limit: number;
  readonly cursor: string | null;
}

/** One page, newest first. Runs that are made meanwhile do not move those on the next pages. */
export function* listRuns(
  dialect: Dialect,
  { filter, limit, cursor }: PageRequest,
): Script<RunPage> {
  const where = conditionsOf(dialect, filter);
  if (cursor !== null) addCursor(where, cursor);
  const list = query<RunRow>(
    'listRuns',
    `select ${RUN_COLUMNS} from durable_runs r where ${where.texts.join(' and ')} ` +
      'order by r.created_at desc, r.id desc limit ?',
  );
  const found = yield* rows(list, [...where.params, limit + 1]);
  const page = found.slice(0, limit).map(toRunRecord);
  const last = page.at(-1);
  return { runs: page, cursor: last && found.length > limit ? cursorOf(last) : null };
}

/** How many runs match, by status. */
export function* countRuns(
  dialect: Dialect,
  filter: RunFilter,
): Script<Readonly<Record<RunStatus, number>>> {
  const { texts, params } = conditionsOf(dialect, filter);
  const count = query<{ readonly status: RunStatus; readonly runs: number }>(
    'countRuns',
    `select r.status, count(*) as runs from durable_runs r where ${texts.join(' and ')} group by r.status`,
  );
  const found = yield* rows(count, params);
  const counts = Object.fromEntries(Object.values(RunStatus).map((status) => [status, 0]));
  for (const { status, runs } of found) counts[status] = runs;
  return counts as Record<RunStatus, number>;
}

interface Conditions {
  readonly texts: string[];
  readonly params: SqlValue[];
}

/** What users pass is always a parameter; the texts are made of constants. */
function conditionsOf(dialect: Dialect, filter: RunFilter): Conditions {
  const texts: string[] = [];
  const params: SqlValue[] = [];
  const add = (text: string, ...values: Params): void => {
    texts.push(text);
    params.push(...values);
  };
  const { namespace, workflow, status, tag, parentRunId } = filter;
  add('r.namespace = ?', namespace);
  if (workflow !== undefined) add('r.workflow = ?', workflow);
  if (status !== undefined) add(oneOf('r.status', status.length), ...status);
  if (tag !== undefined) add(dialect.hasMember('r.tags'), tag);
  if (parentRunId !== undefined) add('r.parent_run_id = ?', parentRunId);
  return { texts, params };
}

function oneOf(column: string, count: number): string {
  if (count === 0) return '1 = 0';
  return `${column} in (${Array.from({ length: count }, () => '?').join(', ')})`;
}

function cursorOf({ createdAt, id }: RunRecord): string {
  return `${createdAt}:${id}`;
}

function addCursor({ texts, params }: Conditions, cursor: string): void {
  const [, createdAt, id] = /^(\d+):(.*)$/s.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    const todo = 'Pass the cursor of the previous page as it is, or null for the first page.';
    throw new InvalidArgumentError({ field: 'cursor', received: cursor, todo });
  }
  texts.push('r.created_at <= ? and (r.created_at < ? or r.id < ?)');
  params.push(Number(createdAt), Number(createdAt), id);
}
