/** Statements on `durable_inbox`. */
import { insert, lookup, query, remove, update } from '../sql/statement.js';

/** The branch of a message that is for whichever branch is current. */
export const ANY_BRANCH = -1;

export interface InboxRow {
  readonly id: number;
  readonly body: string;
  readonly accepted_at: number;
}

/** `[run id, branch, key, body, now]` */
export const INSERT_MESSAGE = insert('insertMessage', {
  table: 'durable_inbox',
  columns: ['run_id', 'branch', 'message_key', 'body', 'accepted_at'],
  onConflict: 'ignore',
});

const RECEIVABLE = `from durable_inbox where run_id = ? and branch in (${ANY_BRANCH}, ?)`;

/** `[run id, branch]`. In order of acceptance. */
export const RECEIVABLE_MESSAGES = lookup<InboxRow>(
  'receivableMessages',
  `select id, body, accepted_at ${RECEIVABLE} order by id`,
);

/** `[run id, branch]` */
export const RECEIVABLE_IDS = lookup<{ readonly id: number }>(
  'receivableIds',
  `select id ${RECEIVABLE}`,
);

/** `[run id, branch]` */
export const HAS_MESSAGE = query<{ readonly id: number }>(
  'hasMessage',
  `select id ${RECEIVABLE} limit 1`,
);

/** `[id]` */
export const DELETE_MESSAGE = remove('deleteMessage', { table: 'durable_inbox', where: 'id = ?' });

/** `[run id]` */
export const DELETE_INBOX = remove('deleteInbox', { table: 'durable_inbox', where: 'run_id = ?' });

/** Begins the keys of checkpoints, and of nothing else. */
const CHECKPOINT = 'transaction:';

/** Inbox key of a transaction's checkpoint: there is one for each operation of a branch. */
export function checkpointKey(position: number): string {
  return `${CHECKPOINT}${position}`;
}

/**
 * What the end of a run removes from its inbox. Checkpoints stay: what they stand for has happened, and a retry must not
 * let it happen again.
 */
export const ENDS_WITH_RUN = `message_key not like '${CHECKPOINT}%'`;

/** `[run id]` */
export const CLEAR_INBOX = remove('clearInbox', {
  table: 'durable_inbox',
  where: `run_id = ? and ${ENDS_WITH_RUN}`,
});

/** `[run id, next branch, another that stays]` */
export const DELETE_BRANCH_INBOX = remove('deleteBranchInbox', {
  table: 'durable_inbox',
  where: 'run_id = ? and branch not in (?, ?)',
});

/** `[run id, branch, key]`. Locked: a snapshot of the transaction could hide what others have put there. */
export const LOCK_MESSAGE = query<InboxRow>(
  'lockMessage',
  (d) =>
    'select m.id, m.body, m.accepted_at from durable_inbox m ' +
    `where m.run_id = ? and m.branch = ? and m.message_key = ?${d.forUpdate('m')}`,
);

/** `[run id, branch]` */
export const CHECKPOINTS = query<InboxRow>(
  'checkpoints',
  `select id, body, accepted_at from durable_inbox where run_id = ? and branch = ? and message_key like '${CHECKPOINT}%'`,
);

/** `[branch, id]` */
export const MOVE_MESSAGE = update('moveMessage', {
  table: 'durable_inbox',
  set: 'branch = ?',
  where: 'id = ?',
});
