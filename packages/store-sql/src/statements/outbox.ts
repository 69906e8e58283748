/** Statements on `durable_outbox`: signals of transactions that have committed, on their way to their mailboxes. */
import { insert, query, remove } from '../sql/statement.js';

export interface OutboxRow {
  readonly id: number;
  readonly namespace: string;
  readonly token: string;
  readonly signal_id: string;
  readonly ttl_ms: number;
  readonly payload: string;
}

/** `[namespace, token, signal id, ttl, payload]` */
export const APPEND_OUTBOX = insert('appendOutbox', {
  table: 'durable_outbox',
  columns: ['namespace', 'token', 'signal_id', 'ttl_ms', 'payload'],
  onConflict: 'fail',
});

/** `[]` */
export const HAS_OUTBOX = query<{ readonly id: number }>(
  'hasOutbox',
  'select id from durable_outbox order by id limit 1',
);

/** `[limit]`. The oldest that nobody else is moving. */
export const TAKE_OUTBOX = query<OutboxRow>(
  'takeOutbox',
  (d) =>
    'select o.id, o.namespace, o.token, o.signal_id, o.ttl_ms, o.payload from durable_outbox o ' +
    `order by o.id limit ?${d.forUpdateSkipLocked('o')}`,
);

/** `[namespace, token, limit]`. The token's oldest, whoever moves them. */
export const OUTBOX_LINE = query<{ readonly id: number }>(
  'outboxLine',
  'select id from durable_outbox where namespace = ? and token = ? order by id limit ?',
);

/** `[id]` */
export const DELETE_OUTBOX = remove('deleteOutbox', { table: 'durable_outbox', where: 'id = ?' });
