/** Ids and rows that the raw loops write. */
import { randomUUID } from 'node:crypto';

/** The columns of a history row that a plain step fills. */
export const HISTORY_COLUMNS =
  'run_id, branch, seq, type, kind, position, name, cause, attempt, recorded_at, started_at, worker, payload';

/** The values for `HISTORY_COLUMNS`. */
export function historyRow(runId: string, seq: number): readonly (string | number)[] {
  const now = Date.now();
  return [runId, 0, seq, 'completed', 'step', seq, 'noop', seq - 1, 1, now, now, RAW_WORKER, '1'];
}

/** A UUIDv7 as the engine makes it: new ids are at the end of the index. */
export function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** Owner of what the raw loops write: no worker of this id has ever been alive, so nobody takes its runs over. */
export const RAW_WORKER = randomUUID();
