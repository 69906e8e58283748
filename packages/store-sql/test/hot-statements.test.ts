import { beforeEach, describe, expect, test } from 'vitest';
import { type Params, type Statement, sqlite } from '../src/index.js';
import { INSERT_HISTORY } from '../src/statements/history.js';
import { INSERT_MESSAGE } from '../src/statements/inbox.js';
import { BRING_READY, DUE_ROWS, NEXT_WAKE, SET_READY } from '../src/statements/ready.js';
import { CLAIM_RUN, END_RUN, INSERT_RUN, SUSPEND_RUN, TURN_STATE } from '../src/statements/runs.js';
import { TestStore } from './support/test-store.js';

interface Case {
  readonly statement: Statement;
  readonly text: string;
  readonly params: Params;
  /** What a read returns, or how many rows a write changes. */
  readonly answer: unknown;
}

/** They run one after the other on one database. */
const cases: readonly Case[] = [
  {
    statement: INSERT_RUN,
    text:
      'insert into durable_runs (id, worker, epoch, branch, status, namespace, workflow, version, priority, crashes, ' +
      'parent_run_id, parent_branch, parent_position, close_policy, created_at, started_at, deadline_at, seed, ' +
      'input_digest, tags, input) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ' +
      'on conflict do nothing',
    params: [
      ...['r1', null, 0, 0, 'pending', 'n', 'order', '1', 0, 0],
      ...[null, null, null, null, 5, null, null, 's', 'd', '[]', '{}'],
    ],
    answer: 1,
  },
  {
    statement: SET_READY,
    text:
      'insert into durable_ready (run_id, namespace, queue, priority, wake_at) values (?, ?, ?, ?, ?) ' +
      'on conflict (run_id) do update set wake_at = excluded.wake_at',
    params: ['r1', 'n', 'order@1', 0, 9],
    answer: 1,
  },
  {
    statement: BRING_READY,
    text:
      'insert into durable_ready (run_id, namespace, queue, priority, wake_at) values (?, ?, ?, ?, ?) ' +
      'on conflict (run_id) do update set wake_at = min(durable_ready.wake_at, excluded.wake_at)',
    params: ['r1', 'n', 'order@1', 0, 7],
    answer: 1,
  },
  {
    statement: DUE_ROWS,
    text:
      'select q.run_id, q.wake_at, r.status from durable_ready q left join durable_runs r on r.id = q.run_id ' +
      'where q.namespace = ? and q.queue = ? and q.priority = ? and q.wake_at <= ? and r.worker is null ' +
      'order by q.wake_at, q.run_id limit ?',
    params: ['n', 'order@1', 0, 8, 10],
    answer: [{ run_id: 'r1', wake_at: 7, status: 'pending' }],
  },
  {
    statement: NEXT_WAKE,
    text:
      'select q.wake_at from durable_ready q left join durable_runs r on r.id = q.run_id ' +
      'where q.namespace = ? and q.queue = ? and q.priority = ? and r.worker is null order by q.wake_at limit 1',
    params: ['n', 'order@1', 0],
    answer: [{ wake_at: 7 }],
  },
  {
    statement: CLAIM_RUN,
    text:
      "update durable_runs set worker = ?, epoch = epoch + 1, status = 'running', " +
      'started_at = coalesce(started_at, ?), waiting_for = null where id = ?',
    params: ['w1', 8, 'r1'],
    answer: 1,
  },
  {
    statement: INSERT_HISTORY,
    text:
      'insert into durable_history (run_id, branch, seq, type, kind, position, name, digest, cause, attempt, ' +
      'recorded_at, started_at, worker, site, op_group, detail, payload) ' +
      'values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    params: [
      ...['r1', 0, 1, 'completed', 'step', 1, 'charge', null, 0, 1],
      ...[9, 8, 'w1', null, null, null, '{}'],
    ],
    answer: 1,
  },
  {
    statement: TURN_STATE,
    text:
      'select r.worker, r.epoch, r.branch, ' +
      '(select max(h.seq) from durable_history h where h.run_id = r.id and h.branch = r.branch) as last_seq ' +
      'from durable_runs r where r.id = ?',
    params: ['r1'],
    answer: [{ worker: 'w1', epoch: 1, branch: 0, last_seq: 1 }],
  },
  {
    statement: SUSPEND_RUN,
    text: "update durable_runs set worker = null, status = 'suspended', crashes = 0, waiting_for = ? where id = ?",
    params: [null, 'r1'],
    answer: 1,
  },
  {
    statement: INSERT_MESSAGE,
    text:
      'insert into durable_inbox (run_id, branch, message_key, body, accepted_at) values (?, ?, ?, ?, ?) ' +
      'on conflict do nothing',
    params: ['r1', -1, 'cancel', '{}', 9],
    answer: 1,
  },
  {
    statement: END_RUN,
    text:
      'update durable_runs set worker = null, status = ?, output = ?, error = ?, reason = ?, finished_at = ?, ' +
      'epoch = epoch + ?, waiting_for = null where id = ?',
    params: ['completed', '{}', null, null, 9, 0, 'r1'],
    answer: 1,
  },
];

describe('hot statements on SQLite', () => {
  let opened: TestStore;

  beforeEach(async () => {
    opened = await TestStore.open();
    return () => opened.store.close();
  });

  test.each(cases.map((item) => [item.statement.name, item] as const))(
    '%s has exactly this text',
    (_, { statement, text }) => {
      expect(sqlite.textOf(statement)).toBe(text);
    },
  );

  test('run, and do what they say', () => {
    for (const { statement, params, answer } of cases) {
      const prepared = opened.driver.database.prepare(sqlite.textOf(statement));
      const got = prepared.reader ? prepared.all(params) : prepared.run(params).changes;
      expect(got, statement.name).toEqual(answer);
    }
  });

  test('a column that a statement inserts has a parameter', () => {
    for (const { statement, params } of cases) {
      expect(sqlite.textOf(statement).split('?').length - 1, statement.name).toBe(params.length);
    }
  });
});
