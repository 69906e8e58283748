import type { HistoryEvent, NewRun, StateStore, Turn } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

const BEGIN =
  "begin isolation level read committed; select set_config('lock_timeout', '10000', true) as lock_timeout, " +
  "set_config('statement_timeout', '30000', true) as statement_timeout, " +
  'floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now';

function newRun(id: string): NewRun {
  return {
    ...{ id, namespace: 'default', workflow: 'order', version: '1', input: '{}' },
    ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
    ...{ startAt: null, timeoutMs: null },
  };
}

/** A turn of a new run that appends one event. */
function plainTurn(runId: string, seq: number): Turn {
  const event: HistoryEvent = {
    ...{ seq, type: 'completed', kind: 'step', position: seq, name: 'charge', digest: null },
    ...{ cause: 0, attempt: 1, at: 1, startedAt: 1, worker: 'w1', site: null },
    ...{ group: null, detail: null, payload: '1' },
  };
  return {
    ...{ runId, worker: 'w1', epoch: 1, branch: 0, namespace: 'default', events: [event] },
    ...{ consumedInbox: [], consumedSignals: [], waits: [], withdrawals: [], tasks: [] },
    ...{ endedTasks: [], children: [], messages: [], change: null },
  };
}

describe.skipIf(server === undefined)('statements on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let store: StateStore;
  const sent: string[] = [];

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url, max: 2 });
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      const recording = (...args: unknown[]): unknown => {
        const [first] = args;
        sent.push(typeof first === 'string' ? first : (first as { readonly text: string }).text);
        return query(...args);
      };
      client.query = recording as typeof client.query;
    });
    store = new DrizzleStateStore(drizzle(pool));
    await store.migrate();
  });
  afterAll(async () => {
    await store.close();
    await pool.end();
    await database.drop();
  });

  async function textsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
    sent.length = 0;
    await work();
    return [...sent];
  }

  const COMMIT = [
    'with t as (select * from json_to_recordset($1::json) as t(i integer, id text, worker text, epoch bigint, ' +
      'branch bigint, seq bigint, status text, output text, error text, reason text)),',
    'own as materialized (select t.* from t cross join lateral (' +
      'select r.worker, r.epoch, r.branch, r.parent_run_id, ' +
      '(select max(h.seq) from durable_history h where h.run_id = r.id and h.branch = r.branch) as last_seq ' +
      'from durable_runs r where r.id = t.id for no key update skip locked) r ' +
      'where r.worker = t.worker and r.epoch = t.epoch and r.branch = t.branch ' +
      'and (t.seq is null or t.seq = coalesce(r.last_seq, 0) + 1) ' +
      'and (t.status is null or (r.parent_run_id is null and not exists (' +
      'select 1 from durable_waits w where w.run_id = t.id)))),',
    'h as (insert into durable_history (run_id, branch, seq, type, kind, position, name, digest, cause, attempt, ' +
      'recorded_at, started_at, worker, site, op_group, detail, payload) ' +
      'select own.id, own.branch, e.c0, e.c1, e.c2, e.c3, e.c4, e.c5, e.c6, e.c7, e.c8, e.c9, e.ca, ' +
      'e.cb, e.cc, e.cd, e.ce from json_to_recordset($2::json) as e(i integer, c0 bigint, c1 text, c2 text, ' +
      'c3 bigint, c4 text, c5 text, c6 bigint, c7 bigint, c8 bigint, c9 bigint, ca text, cb text, ' +
      'cc text, cd text, ce text) join own on own.i = e.i)',
  ].join('\n');

  test('a hundred plain turns: one statement, which is the transaction', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `many-${i}`);
    const created = await textsOf(() =>
      store.createRuns({ runs: ids.map((id) => newRun(id)), claim: 'w1' }),
    );
    expect(created).toHaveLength(1);
    const texts = await textsOf(() => store.commit(ids.map((id) => plainTurn(id, 1))));
    expect(texts).toEqual([`${COMMIT}\nselect i from own`]);
    expect(await store.history([{ runId: 'many-7', branch: 0, after: 0 }])).toMatchObject([
      [{ seq: 1, name: 'charge', at: 1 }],
    ]);
  });

  test('a hundred signals: as many statements as two', async () => {
    const signals = (count: number, name: string) =>
      Array.from({ length: count }, (_, i) => {
        const token = `${name} ${i}`;
        return { namespace: 'default', token, id: 's', payload: '1', ttlMs: 60_000 };
      });
    const two = await textsOf(() => store.signal(signals(2, 'two')));
    const hundred = await textsOf(() => store.signal(signals(100, 'hundred')));
    expect(hundred).toEqual(two);
    expect(await store.listSignals('default', 'hundred 99')).toMatchObject([{ id: 's' }]);
  });

  test('a transaction: one statement before its COMMIT, and one for the turns that take checkpoints', async () => {
    const [answer] = await store.createRuns({ runs: [newRun('pays')], claim: 'w1' });
    expect(answer?.outcome).toBe('created');
    const owner = { runId: 'pays', branch: 0, worker: 'w1', epoch: 1 };
    const transaction = { ...owner, position: 1, name: 'pay', cause: 0, attempt: 1 };
    let messageId = '';
    const texts = await textsOf(async () => {
      const outcome = await store.transaction(transaction, {
        startedAt: 1,
        now: () => 2,
        work: () => '"paid"',
        mayCommit: () => true,
        isAbandoned: () => false,
      });
      if (outcome.outcome === 'committed') messageId = outcome.arrival.messageId;
    });
    expect(texts).toEqual([
      'begin',
      'savepoint durable_end',
      'with own as materialized (select r.id, ' +
        "set_config('idle_in_transaction_session_timeout', '20000', true) as idle_limit from durable_runs r " +
        'where r.id = $1 and r.worker = $2 and r.epoch = $3 and r.branch = $4 for no key update of r), ' +
        'm as (insert into durable_inbox (run_id, branch, message_key, body, accepted_at) ' +
        'select $5::text, $6::bigint, $7::text, $8::text, $9::bigint from own on conflict do nothing returning id) ' +
        'select m.id as message from own left join m on true',
      'commit',
    ]);
    const [, own] = COMMIT.split('\n');
    const turn = plainTurn('pays', 1);
    const events = turn.events.map((event) => ({ ...event, kind: 'transaction' as const }));
    const [text, ...more] = await textsOf(() =>
      store.commit([{ ...turn, events, consumedInbox: [messageId] }]),
    );
    expect(more).toEqual([]);
    expect(text).toContain('reason text, consumed bigint[]))');
    expect(text).toContain(
      `${own?.slice(0, -2)} and (t.consumed is null or cardinality(t.consumed) = (select count(*) from durable_inbox c ` +
        'where c.run_id = t.id and c.branch = t.branch and c.id = any(t.consumed) ' +
        "and not (c.message_key not like 'transaction:%')))),",
    );
    expect(text).toContain(
      'consumed as (delete from durable_inbox d using own where d.run_id = own.id and d.id = any(own.consumed)),',
    );
    expect((await store.receive(['pays'])).get('pays')).toEqual([]);
  });

  test('turns that end their runs: the same statement, with what an end clears away', async () => {
    await store.createRuns({ runs: [newRun('r1')], claim: 'w1' });
    await store.createRuns({ runs: [newRun('ends'), newRun('goes-on')], claim: 'w1' });
    const outcome = { status: 'completed', output: '"done"', error: null, reason: null } as const;
    const change = { to: 'settled', outcome, hasChildren: false } as const;
    const [text, ...more] = await textsOf(() =>
      store.commit([{ ...plainTurn('ends', 1), change }, plainTurn('goes-on', 1)]),
    );
    expect(more).toEqual([]);
    expect(text).toBe(
      `${COMMIT},\n` +
        'ended as (update durable_runs r set worker = null, status = own.status, output = own.output, ' +
        'error = own.error, reason = own.reason, waiting_for = null, finished_at = ' +
        'coalesce($3::bigint, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) ' +
        'from own where r.id = own.id and own.status is not null),\n' +
        'ready as (delete from durable_ready d using own where d.run_id = own.id and own.status is not null),\n' +
        'inbox as (delete from durable_inbox d using own where d.run_id = own.id and own.status is not null ' +
        "and d.message_key not like 'transaction:%'),\n" +
        'tasks as (delete from durable_tasks d using own where d.run_id = own.id and own.status is not null)\n' +
        'select i from own',
    );
    const runs = [await store.getRun('ends'), await store.getRun('goes-on')];
    expect(runs).toMatchObject([{ status: 'completed', output: '"done"' }, { status: 'running' }]);
    expect(Math.abs((runs[0]?.finishedAt ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('a turn that is sent again is found recorded by the script', async () => {
    await store.createRuns({ runs: [newRun('again')], claim: 'w1' });
    await store.commit([plainTurn('again', 1)]);
    const texts = await textsOf(async () =>
      expect(await store.commit([plainTurn('again', 1)])).toMatchObject([{ outcome: 'committed' }]),
    );
    expect(texts).toEqual([
      `${COMMIT}\nselect i from own`,
      BEGIN,
      'select r.id from durable_runs r where r.id = $1 for no key update of r skip locked',
      'select r.worker, r.epoch, r.branch, (select max(h.seq) from durable_history h ' +
        'where h.run_id = r.id and h.branch = r.branch) as last_seq from durable_runs r where r.id = $1',
      'commit',
    ]);
  });

  test('a run that somebody else has locked is passed over; the rest of the batch is written', async () => {
    await store.createRuns({
      runs: [newRun('held'), newRun('free'), newRun('waits')],
      claim: 'w1',
    });
    const other = await pool.connect();
    const waits = [{ token: 't', position: 2, deadline: null }];
    const turns = [
      plainTurn('held', 1),
      plainTurn('held', 2),
      plainTurn('free', 1),
      { ...plainTurn('waits', 1), waits },
    ];
    await other.query('begin');
    await other.query("select id from durable_runs where id = 'held' for update");
    const outcomes = async () => (await store.commit(turns)).map(({ outcome }) => outcome);
    expect(await outcomes()).toEqual(['busy', 'busy', 'committed', 'committed']);
    await other.query('rollback');
    other.release();
    expect(await outcomes()).toEqual(['committed', 'committed', 'committed', 'committed']);
  });

  test('a run of a dead worker that somebody has locked does not hold up the others', async () => {
    const worker = { worker: 'dies', namespace: 'default', serves: ['order@1'] };
    await store.heartbeat({ ...worker, leaseMs: -1 });
    await store.createRuns({ runs: [newRun('locked'), newRun('loose')], claim: 'dies' });
    const sweep = () =>
      store.takeOver({
        ...{ limit: 10, maxCrashes: 10, probationFrom: 3, backoffMs: 1_000, backoffCapMs: 1_000 },
      });
    const other = await pool.connect();
    await other.query('begin');
    await other.query("select id from durable_runs where id = 'locked' for update");
    expect(await sweep()).toMatchObject({ taken: 1 });
    expect(await store.getRun('loose')).toMatchObject({ worker: null, epoch: 2 });
    await other.query('rollback');
    other.release();
    expect(await sweep()).toMatchObject({ taken: 1 });
    expect(await store.getRun('locked')).toMatchObject({ worker: null, epoch: 2 });
    expect(await store.heartbeat({ ...worker, leaseMs: 1_000 })).toMatchObject({ alive: false });
  });

  test('a claim locks due rows and their runs without waiting for either', async () => {
    await store.createRuns({ runs: [newRun('due')], claim: null });
    const request = { worker: 'w1', namespace: 'default', serves: ['order@1'] };
    const texts = await textsOf(() => store.claim({ ...request, limit: 5, resync: false }));
    const locking = texts.filter((text) => text.includes('for no key update'));
    expect(locking).toHaveLength(3);
    for (const text of locking) expect(text).toMatch(/ skip locked(\) q0 offset 0\) x)?$/);
  });

  test('the loss of idle and of busy connections is survived', async () => {
    const kill =
      'select pg_terminate_backend(pid) from pg_stat_activity ' +
      'where datname = current_database() and pid <> pg_backend_pid()';
    const operator = new Pool({ connectionString: database.url, max: 1 });
    await store.getRun('r1');
    await operator.query(kill);
    const outcomes = await Promise.allSettled([
      store.getRun('r1'),
      operator.query(kill),
      store.getRun('r1'),
    ]);
    expect(outcomes[1]).toMatchObject({ status: 'fulfilled' });
    await operator.end();
    await expect.poll(() => store.getRun('r1').catch(() => null)).toMatchObject({ id: 'r1' });
  });
});
