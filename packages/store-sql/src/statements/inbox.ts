/** Statements on `durable_inbox`. */
import { insert, query, remove } from '../sql/statement.js';

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
export const RECEIVABLE_MESSAGES = query<InboxRow>(
  'receivableMessages',
  `select id, body, accepted_at ${RECEIVABLE} order by id`,
);

/** `[run id, branch]` */
export const RECEIVABLE_IDS = query<{ readonly id: number }>(
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

/** `[run id]`. What is for whichever branch is current stays. */
export const DELETE_BRANCH_INBOX = remove('deleteBranchInbox', {
  table: 'durable_inbox',
  where: `run_id = ? and branch <> ${ANY_BRANCH}`,
});
