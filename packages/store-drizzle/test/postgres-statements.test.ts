import type { HistoryEvent, NewRun, StateStore, Turn } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';
import { PostgresDatabase } from './postgres-fixture.js';

const server = inject('postgresUrl');

const BEGIN =
  'begin isolation level read committed; set local lock_timeout = 10000; set local statement_timeout = 30000; ' +
  'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now';

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

  const EVENT =
    'seq, type, kind, position, name, digest, cause, attempt, recorded_at, started_at, worker, site, op_group, ' +
    'detail, payload';
  const STATE =
    'r.worker, r.epoch, r.branch, (select max(h.seq) from durable_history h ' +
    'where h.run_id = r.id and h.branch = r.branch) as last_seq from durable_runs r where r.id =';

  test('a plain turn: its run is locked, then looked at, then one row is inserted', async () => {
    await store.createRuns({ runs: [newRun('r1')], claim: 'w1' });
    const numbers = Array.from({ length: 17 }, (_, i) => `$${i + 1}`).join(', ');
    expect(await textsOf(() => store.commit([plainTurn('r1', 1)]))).toEqual([
      BEGIN,
      'select r.id from durable_runs r where r.id = $1 for no key update of r',
      `select ${STATE} $1`,
      `insert into durable_history (run_id, branch, ${EVENT}) values (${numbers})`,
      'commit',
    ]);
    expect(await store.history([{ runId: 'r1', branch: 0, after: 0 }])).toMatchObject([
      [{ seq: 1, name: 'charge', at: 1 }],
    ]);
  });

  test('a hundred plain turns: the same three statements', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `many-${i}`);
    await store.createRuns({ runs: ids.map(newRun), claim: 'w1' });
    const list = 'unnest($1::text[]) with ordinality as i(p1, n) cross join lateral (select * from';
    const types = [
      ...['text', 'bigint', 'bigint', 'text', 'text', 'bigint', 'text', 'text', 'bigint'],
      ...['bigint', 'bigint', 'bigint', 'text', 'text', 'text', 'text', 'text'],
    ];
    const arrays = types.map((type, i) => `$${i + 1}::${type}[]`).join(', ');
    const columns = types.map((_, i) => `p${i + 1}`);
    const values = columns.map((column) => `i.${column}`).join(', ');
    const texts = await textsOf(() => store.commit(ids.map((id) => plainTurn(id, 1))));
    expect(texts).toEqual([
      BEGIN,
      `select i.n as param_row, x.* from ${list} ` +
        '(select r.id from durable_runs r where r.id = i.p1 for no key update of r) q0 offset 0) x',
      `select i.n as param_row, x.* from ${list} (select ${STATE} i.p1) q0 offset 0) x`,
      `insert into durable_history (run_id, branch, ${EVENT}) select ${values} from unnest(${arrays}) ` +
        `with ordinality as i(${columns.join(', ')}, n) order by i.n`,
      'commit',
    ]);
  });

  test('a claim locks due rows and their runs without waiting for either', async () => {
    await store.createRuns({ runs: [newRun('due')], claim: null });
    const request = { worker: 'w1', namespace: 'default', serves: ['order@1'] };
    const texts = await textsOf(() => store.claim({ ...request, limit: 5, resync: false }));
    const locking = texts.filter((text) => text.includes('for no key update'));
    expect(locking).toHaveLength(3);
    for (const text of locking) expect(text).toMatch(/ skip locked$/);
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
