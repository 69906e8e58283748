import type { CreateOutcome, CreateRunsRequest } from '@dudousxd/nestjs-durable-core';
import type { SqlExecutor } from '../sql/executor.js';
import { createRuns } from './create-runs.js';
import { hotRows } from './hot-rows.js';
import { recordOfNew } from './rows.js';

/** Creates runs: as one statement where the database can do that and the runs are due at once. */
export async function createBatch(
  executor: SqlExecutor,
  request: CreateRunsRequest,
): Promise<readonly CreateOutcome[]> {
  const created = await createAtOnce(executor, request);
  const { claim, runs } = request;
  const rest = runs.filter((_, i) => created[i] === undefined);
  if (rest.length === 0) return created.flatMap((outcome) => outcome ?? []);
  const outcomes = (await executor.write(() => createRuns({ claim, runs: rest }))).values();
  return created.flatMap((outcome) => outcome ?? outcomes.next().value ?? []);
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
  const rows = await hotRows(executor, statement, params);
  const createdAt = new Map(rows.map((row) => [row.id, row.created_at]));
  return runs.map((run) => {
    const at = createdAt.get(run.id);
    return at === undefined ? undefined : { outcome: 'created', run: recordOfNew(run, at, claim) };
  });
}
