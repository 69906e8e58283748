/** Statements on `durable_history`. */
import type { HistoryEventType, OperationKind } from '@dudousxd/nestjs-durable-core';
import { insert, query, remove } from '../sql/statement.js';

export interface HistoryRow {
  readonly seq: number;
  readonly type: HistoryEventType;
  readonly kind: OperationKind;
  readonly position: number | null;
  readonly name: string;
  readonly digest: string | null;
  readonly cause: number;
  readonly attempt: number;
  readonly recorded_at: number;
  readonly started_at: number | null;
  readonly worker: string;
  readonly site: string | null;
  readonly op_group: string | null;
  readonly detail: string | null;
  readonly payload: string | null;
}

/** The columns of an event, in the order of `historyParams`, which has the run and the branch before them. */
export const EVENT_COLUMNS = [
  'seq',
  'type',
  'kind',
  'position',
  'name',
  'digest',
  'cause',
  'attempt',
  'recorded_at',
  'started_at',
  'worker',
  'site',
  'op_group',
  'detail',
  'payload',
];

/** The parameters are made by `historyParams`. */
export const INSERT_HISTORY = insert('insertHistory', {
  table: 'durable_history',
  columns: ['run_id', 'branch', ...EVENT_COLUMNS],
  onConflict: 'fail',
});

/** `[run id, branch, after seq, limit]` */
export const READ_HISTORY = query<HistoryRow>(
  'readHistory',
  `select ${EVENT_COLUMNS.join(', ')} from durable_history ` +
    'where run_id = ? and branch = ? and seq > ? order by seq limit ?',
);

/** `[run id]` */
export const DELETE_HISTORY = remove('deleteHistory', {
  table: 'durable_history',
  where: 'run_id = ?',
});
