import { describe, expect, test } from 'vitest';
import type { MySqlDialect } from '../src/dialect/mysql.js';
import { durableTables, mariadb, mysql, type Statement, schemaSql } from '../src/index.js';
import { deleteBatch, insertBatch, queryBatch, updateBatch } from '../src/mysql/batch-text.js';
import type { Params } from '../src/sql/statement.js';
import { INSERT_MESSAGE } from '../src/statements/inbox.js';
import {
  BRING_READY,
  DELETE_READY,
  DUE_ROWS,
  LOCK_OWN_WAKES,
  READY_PRIORITIES,
  SET_READY,
} from '../src/statements/ready.js';
import { CLAIM_RUN, TRY_LOCK_RUN, TURN_STATE } from '../src/statements/runs.js';
import { visibleTasks } from '../src/statements/tasks.js';

const READY =
  'insert into durable_ready (run_id, namespace, queue, priority, wake_at) values (?, ?, ?, ?, ?)';
const DUE =
  'where q.namespace = ? and q.queue = ? and q.priority = ? and q.wake_at <= ? and r.worker is null ' +
  'order by q.wake_at, q.run_id limit ?';
const TASKS =
  't.id, t.namespace, t.run_id, t.branch, t.position, t.attempt, t.step, t.token, t.idempotency_key, ' +
  't.timeout_ms, t.heartbeat_timeout_ms, t.priority, t.takes, t.unserved_since, t.progress, t.input';
const TASK_ORDER = 'order by t.priority desc, t.visible_at, t.id';

type Text = readonly [Statement, { readonly mysql: string; readonly mariadb: string }];

const both = (text: string) => ({ mysql: text, mariadb: text });

const SINGLE: readonly Text[] = [
  [
    SET_READY,
    {
      mysql: `${READY} as excluded on duplicate key update wake_at = excluded.wake_at`,
      mariadb: `${READY} on duplicate key update wake_at = values(wake_at)`,
    },
  ],
  [
    BRING_READY,
    {
      mysql: `${READY} as excluded on duplicate key update wake_at = least(durable_ready.wake_at, excluded.wake_at)`,
      mariadb: `${READY} on duplicate key update wake_at = least(durable_ready.wake_at, values(wake_at))`,
    },
  ],
  [
    INSERT_MESSAGE,
    {
      mysql:
        'insert into durable_inbox (run_id, branch, message_key, body, accepted_at) values (?, ?, ?, ?, ?) ' +
        'as excluded on duplicate key update id = durable_inbox.id',
      mariadb:
        'insert into durable_inbox (run_id, branch, message_key, body, accepted_at) values (?, ?, ?, ?, ?) ' +
        'on duplicate key update id = durable_inbox.id',
    },
  ],
  [
    TRY_LOCK_RUN,
    {
      mysql: 'select r.id from durable_runs r where r.id = ? for update of r skip locked',
      mariadb: 'select r.id from durable_runs r where r.id = ? for update skip locked',
    },
  ],
  [
    DUE_ROWS,
    {
      mysql:
        'select q.run_id, q.wake_at, r.status from durable_ready q left join durable_runs r ' +
        `on r.id = q.run_id ${DUE} for update of q skip locked`,
      mariadb:
        'select q.run_id, q.wake_at, r.status from durable_ready q left join (select * from durable_runs) r ' +
        `on r.id = q.run_id ${DUE} for update skip locked`,
    },
  ],
  [
    LOCK_OWN_WAKES,
    {
      mysql:
        'select q.run_id from durable_runs r join durable_ready q on q.run_id = r.id ' +
        'where r.worker = ? and q.wake_at <= ? and q.namespace = ? order by q.wake_at, q.run_id ' +
        'for update of q skip locked',
      mariadb:
        'select q.run_id from (select * from durable_runs) r join durable_ready q on q.run_id = r.id ' +
        'where r.worker = ? and q.wake_at <= ? and q.namespace = ? order by q.wake_at, q.run_id ' +
        'for update skip locked',
    },
  ],
  [
    READY_PRIORITIES,
    both(
      'select q.priority from durable_ready q force index (durable_ready_due) ' +
        'where q.namespace = ? and q.queue = ? group by q.namespace, q.queue, q.priority',
    ),
  ],
  [
    visibleTasks(0),
    {
      mysql:
        `select ${TASKS} from (select t.id, t.visible_at from durable_tasks t where t.namespace = ? and t.visible_at <= ? ` +
        `${TASK_ORDER} limit ?) due straight_join durable_tasks t on t.id = due.id and t.visible_at = due.visible_at ` +
        `${TASK_ORDER} for update of t skip locked`,
      mariadb:
        `select ${TASKS} from (select t.id, t.visible_at from durable_tasks t where t.namespace = ? and t.visible_at <= ? ` +
        `${TASK_ORDER} limit ?) due straight_join durable_tasks t on t.id = due.id and t.visible_at = due.visible_at ` +
        `${TASK_ORDER} for update skip locked`,
    },
  ],
];

const KEY = {
  mysql: 'varchar(320) character set utf8mb4 collate utf8mb4_0900_bin',
  mariadb: 'varchar(320) character set utf8mb4 collate utf8mb4_nopad_bin',
};

const dialects: readonly MySqlDialect[] = [mysql, mariadb];

describe.each(dialects.map((dialect) => [dialect.name, dialect] as const))(
  'on %s',
  (name, dialect) => {
    test.each(SINGLE.map(([statement, text]) => [statement.name, statement, text] as const))(
      '%s has exactly this text',
      (_, statement, text) => {
        expect(dialect.textOf(statement)).toBe(text[name]);
      },
    );

    const lock = name === 'mysql' ? ' for update of r skip locked' : ' for update skip locked';
    const list = (columns: string): string =>
      `json_table(?, '$[*]' columns (n for ordinality, ${columns})) i straight_join`;

    test('a list of lookups joins its parameters as one text', () => {
      expect(queryBatch(dialect, TRY_LOCK_RUN, [['a'], ['b']])).toEqual({
        text:
          `select i.n as param_row, r.id from ${list(`p1 ${KEY[name]} path '$[0]'`)} ` +
          `durable_runs r force index (primary) where r.id = i.p1${lock}`,
        values: ['[["a"],["b"]]'],
      });
      expect(queryBatch(dialect, TURN_STATE, [['a'], ['\ud800']])).toEqual({
        text:
          'select i.n as param_row, r.worker, r.epoch, r.branch, (select max(h.seq) from durable_history h ' +
          `where h.run_id = r.id and h.branch = r.branch) as last_seq from ${list(`p1 ${KEY[name]} path '$[0]'`)} ` +
          'durable_runs r force index (primary) where r.id = i.p1',
        values: ['[["a"],["\ufffd"]]'],
      });
    });

    test('a list of other queries is put together', () => {
      const text = (row: number): string =>
        `(${dialect.textOf(DUE_ROWS).replace('select ', `select ${row} as param_row, `)})`;
      const rows: readonly Params[] = [
        ['n', 'a@1', 0, 5, 10],
        ['n', 'b@1', 0, 5, 10],
      ];
      expect(queryBatch(dialect, DUE_ROWS, rows)).toEqual({
        text: `${text(1)} union all ${text(2)}`,
        values: rows.flat(),
      });
    });

    test('a list of writes is one statement', () => {
      expect(
        updateBatch(dialect, CLAIM_RUN, [
          ['w', 5, 'a'],
          ['w', 5, 'b'],
        ]).text,
      ).toBe(
        `update ${list(`p1 ${KEY[name]} path '$[0]', p2 bigint path '$[1]', p3 ${KEY[name]} path '$[2]'`)} ` +
          "durable_runs force index (primary) set worker = i.p1, epoch = epoch + 1, status = 'running', " +
          'started_at = coalesce(started_at, i.p2), waiting_for = null where id = i.p3',
      );
      expect(deleteBatch(dialect, DELETE_READY, [['a'], ['b']]).text).toBe(
        `delete durable_ready from ${list(`p1 ${KEY[name]} path '$[0]'`)} ` +
          'durable_ready force index (primary) where run_id = i.p1',
      );
      const rows: readonly Params[] = [
        ['a', 'n', 'q', 0, 1],
        ['b', 'n', 'q', 0, 2],
      ];
      expect(insertBatch(dialect, { ...SET_READY, onConflict: 'fail' }, rows)).toEqual({
        text: `${READY}, (?, ?, ?, ?, ?)`,
        values: rows.flat(),
      });
    });

    test('every key fits into an index, and is compared byte by byte', () => {
      const text = schemaSql(dialect);
      expect(text).not.toMatch(
        /varchar\(\d+\)(?! character set utf8mb4 collate utf8mb4_(0900|nopad)_bin)/,
      );
      expect(text.match(/engine = InnoDB row_format = dynamic/g)).toHaveLength(
        durableTables.length,
      );
    });
  },
);
