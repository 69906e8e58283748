/**
 * Batches of starts. An id that an open transaction holds cannot be judged before that ends, which may take as long as it
 * likes: such a run answers `busy` after a short wait, and the others of its batch are created without it.
 */
import type { CreateOutcome, CreateRunsRequest } from '@dudousxd/nestjs-durable-core';
import { StoreBusyError } from '../errors.js';
import type { SqlExecutor } from '../sql/executor.js';
import { define, type Script } from '../sql/script.js';
import type { Params, Query } from '../sql/statement.js';
import { createRuns } from './create-runs.js';
import { recordOfNew } from './rows.js';

type Created = readonly CreateOutcome[];

/** Creates runs: as one statement where the database can do that and the runs are due at once. */
export async function createBatch(
  executor: SqlExecutor,
  request: CreateRunsRequest,
): Promise<Created> {
  try {
    return await createTogether(executor, request);
  } catch (error) {
    if (!(error instanceof StoreBusyError)) throw error;
    const { runs } = request;
    const isOne = runs.length === 1 || !locksRows(executor);
    return isOne ? runs.map(() => ({ outcome: 'busy' })) : createEach(executor, request);
  }
}

/** Where the database as a whole is locked, all of them have to wait. */
function locksRows({ dialect }: SqlExecutor): boolean {
  return dialect.forUpdate('r') !== '';
}

async function createEach(
  executor: SqlExecutor,
  { claim, runs }: CreateRunsRequest,
): Promise<Created> {
  const outcomes: CreateOutcome[] = [];
  for (const run of runs) outcomes.push(...(await createBatch(executor, { claim, runs: [run] })));
  return outcomes;
}

async function createTogether(executor: SqlExecutor, request: CreateRunsRequest): Promise<Created> {
  const { claim, runs } = request;
  // Where there is nothing to wait for, a synchronous driver has written when this returns.
  const created =
    executor.dialect.hotPath === null
      ? runs.map(() => undefined)
      : await createAtOnce(executor, request);
  const rest = runs.filter((_, i) => created[i] === undefined);
  if (rest.length === 0) return created.flatMap((outcome) => outcome ?? []);
  const outcomes = (
    await executor.write(() => createSoon(executor, { claim, runs: rest }))
  ).values();
  return created.flatMap((outcome) => outcome ?? outcomes.next().value ?? []);
}

/** Waits less for others than transactions of the store usually do. */
function* createSoon({ dialect }: SqlExecutor, request: CreateRunsRequest): Script<Created> {
  if (dialect.waitBriefly !== undefined) yield* define(dialect.waitBriefly);
  return yield* createRuns(request);
}

/** Outcomes of the runs that one statement has created; the others are as they were. */
async function createAtOnce(
  executor: SqlExecutor,
  { runs, claim }: CreateRunsRequest,
): Promise<readonly (CreateOutcome | undefined)[]> {
  const { clock, dialect } = executor;
  const ids = new Set(runs.map(({ id }) => id));
  const isOrdinary = ids.size === runs.length && runs.every(({ startAt }) => startAt === null);
  if (dialect.hotPath === null || !isOrdinary) return runs.map(() => undefined);
  const now = clock?.() ?? null;
  const { statement, params } = dialect.hotPath.createRuns({ runs, claim, now });
  const rows = await sendAtOnce(executor, statement, params);
  const createdAt = new Map(rows.map((row) => [row.id, row.created_at]));
  return runs.map((run) => {
    const at = createdAt.get(run.id);
    return at === undefined ? undefined : { outcome: 'created', run: recordOfNew(run, at, claim) };
  });
}

/** What it cannot store it answers with nothing: the script finds out which run it was. */
async function sendAtOnce<Row>(
  executor: SqlExecutor,
  statement: Query<Row>,
  params: Params,
): Promise<readonly Row[]> {
  try {
    return await executor.statement(statement, params);
  } catch (error) {
    if (executor.classify(error) === 'unavailable') throw error;
    return [];
  }
}
