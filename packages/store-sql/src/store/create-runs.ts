import type {
  CreateOutcome,
  CreateRunsRequest,
  NewRun,
  RunRecord,
} from '@dudousxd/nestjs-durable-core';
import { change, firstOfEach, insertNew, type Script } from '../sql/script.js';
import { SET_READY } from '../statements/ready.js';
import { GET_RUN, INSERT_RUN } from '../statements/runs.js';
import { newRunParams, recordOfNew, toRunRecord } from './rows.js';
import { begin } from './transition.js';
import { readyParams } from './wake.js';

/** Creates runs. An id that is taken changes nothing and answers with what is there. */
export function* createRuns({ runs, claim }: CreateRunsRequest): Script<readonly CreateOutcome[]> {
  const { now } = yield* begin();
  const records = runs.map((run) => recordOfNew(run, now, isDue(run, now) ? claim : null));
  const isNew = yield* insertNew(INSERT_RUN, records.map(newRunParams));
  yield* change(
    SET_READY,
    records.flatMap((record, i) => {
      if (!isNew[i] || record.worker !== null) return [];
      return [readyParams(record, Math.max(now, runs[i]?.startAt ?? now))];
    }),
  );
  return yield* answers(records, isNew);
}

function* answers(
  records: readonly RunRecord[],
  isNew: readonly boolean[],
): Script<readonly CreateOutcome[]> {
  const taken = records.filter((_, i) => !isNew[i]).map(({ id }) => id);
  const rows = yield* firstOfEach(
    GET_RUN,
    taken.map((id) => [id]),
  );
  const existing = new Map(rows.flatMap((row) => (row ? [[row.id, toRunRecord(row)]] : [])));
  return records.map((run, i) => {
    if (isNew[i]) return { outcome: 'created', run };
    return { outcome: 'existing', run: existing.get(run.id) ?? run };
  });
}

/** Whether the run may be claimed at once. */
export function isDue({ startAt }: NewRun, now: number): boolean {
  return startAt === null || startAt <= now;
}
