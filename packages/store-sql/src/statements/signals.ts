/** Statements on `durable_signals` and `durable_waits`: the mailboxes of tokens and who waits at them. */
import { insert, lookup, query, remove, update } from '../sql/statement.js';

/** An open wait, as its run sees it. */
export interface OpenWait {
  readonly token: string;
  readonly namespace: string;
  readonly position: number;
}

/** A row of one of the two lines of a mailbox: an open wait, or a payload that nobody has consumed. */
export type LineRow =
  | {
      readonly kind: 0;
      /** The run that waits. */
      readonly id: string;
      /** Of the wait in its run. */
      readonly number: number;
      /** The deadline. */
      readonly time: number | null;
    }
  | {
      readonly kind: 1;
      readonly id: string;
      /** Its place in the order of acceptance. */
      readonly number: number;
      /** When it was accepted. */
      readonly time: number;
    };

/**
 * `[namespace, token, limit, namespace, token, namespace, token, now, limit]`. The first rows of both lines of a mailbox, in
 * their order; payloads only where somebody waits. One statement, so that both are seen at one moment: a pair that is
 * consumed between two statements would move all matches by one.
 */
export const LINES = query<LineRow>(
  'lines',
  'select l.kind, l.id, l.number, l.time from (' +
    'select * from (select 0 as kind, line_no as place, run_id as id, position as number, deadline as time ' +
    'from durable_waits where namespace = ? and token = ? order by line_no limit ?) l ' +
    'union all ' +
    'select * from (select 1 as kind, seq as place, id, seq as number, accepted_at as time from durable_signals ' +
    'where exists (select 1 from durable_waits where namespace = ? and token = ?) ' +
    'and namespace = ? and token = ? and consumed = 0 and expires_at > ? order by seq limit ?) l' +
    ') l order by l.kind, l.place',
);

/** `[seq]`. None once it has been consumed. */
export const PAYLOAD_TEXT = lookup<{ readonly payload: string }>(
  'payloadText',
  'select payload from durable_signals where seq = ? and consumed = 0',
);

/** `[namespace, token, now]`. Oldest first. */
export const PENDING_PAYLOADS = query<{
  readonly id: string;
  readonly payload: string;
  readonly accepted_at: number;
  readonly expires_at: number;
}>(
  'pendingPayloads',
  'select id, payload, accepted_at, expires_at from durable_signals ' +
    'where namespace = ? and token = ? and consumed = 0 and expires_at > ? order by seq',
);

/** `[namespace, token, id]` */
export const SIGNAL_BY_ID = lookup<{ readonly seq: number; readonly expires_at: number }>(
  'signalById',
  'select seq, expires_at from durable_signals where namespace = ? and token = ? and id = ?',
);

const lastOf = (consumed: 0 | 1): string =>
  '(select accepted_at from durable_signals where namespace = ? and token = ? ' +
  `and consumed = ${consumed} order by seq desc limit 1)`;

/** `[namespace, token, namespace, token]`. When the token's newest payload was accepted. */
export const LAST_ACCEPTED = query<{ readonly at: number | null }>(
  'lastAccepted',
  `select max(l.accepted_at) as at from (select ${lastOf(0)} as accepted_at union all select ${lastOf(1)}) l`,
);

/** `[namespace, token, id, consumed, accepted at, expires at, payload]` */
export const INSERT_SIGNAL = insert('insertSignal', {
  table: 'durable_signals',
  columns: ['namespace', 'token', 'id', 'consumed', 'accepted_at', 'expires_at', 'payload'],
  onConflict: 'fail',
});

/** `[seq]` */
export const DELETE_SIGNAL = remove('deleteSignal', { table: 'durable_signals', where: 'seq = ?' });

/** `[namespace, token, id]`. The id stays, so that it still deduplicates. */
export const CONSUME_SIGNAL = update('consumeSignal', {
  table: 'durable_signals',
  set: "consumed = 1, payload = ''",
  where: 'namespace = ? and token = ? and id = ?',
});

/** `[now, limit]` */
export const EXPIRED_SIGNALS = query<{ readonly seq: number }>(
  'expiredSignals',
  'select seq from durable_signals where expires_at <= ? order by expires_at, namespace, token, id limit ?',
);

/** `[run id]` */
export const WAITS_OF_RUN = lookup<OpenWait>(
  'waitsOfRun',
  'select token, namespace, position from durable_waits where run_id = ?',
);

/** `[namespace, token]` */
export const LAST_IN_LINE = query<{ readonly line_no: number | null }>(
  'lastInLine',
  'select max(line_no) as line_no from durable_waits where namespace = ? and token = ?',
);

/** `[run id, token, namespace, position, deadline, line no]`. A run that has a wait at the token keeps its place. */
export const REGISTER_WAIT = insert('registerWait', {
  table: 'durable_waits',
  columns: ['run_id', 'token', 'namespace', 'position', 'deadline', 'line_no'],
  onConflict: { key: ['run_id', 'token'], replace: ['position', 'deadline'] },
});

/** `[run id, token]` */
export const CLOSE_WAIT = remove('closeWait', {
  table: 'durable_waits',
  where: 'run_id = ? and token = ?',
});

/** `[run id, token, position]` */
export const WITHDRAW_WAIT = remove('withdrawWait', {
  table: 'durable_waits',
  where: 'run_id = ? and token = ? and position = ?',
});

/** `[run id]` */
export const DELETE_WAITS = remove('deleteWaits', { table: 'durable_waits', where: 'run_id = ?' });
