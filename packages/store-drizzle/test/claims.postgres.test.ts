import type { NewRun, RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');
const TOKEN = 'cmd';

function newRun(id: string): NewRun {
  return {
    ...{ id, namespace: 'default', workflow: 'order', version: '1', input: '{}' },
    ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
    ...{ startAt: null, timeoutMs: null },
  };
}

function newTurn({ id, epoch }: RunRecord, parts: Partial<Turn>): Turn {
  return {
    ...{ runId: id, worker: 'w1', epoch, branch: 0, namespace: 'default', events: [] },
    ...{ consumedInbox: [], consumedSignals: [], waits: [], withdrawals: [], tasks: [] },
    ...{ endedTasks: [], children: [], messages: [], change: null, ...parts },
  };
}

/** Consumes a payload for the run that waits for it. */
function consuming(run: RunRecord, messageId: string): Turn {
  return newTurn(run, { consumedSignals: [{ token: TOKEN, position: 1, messageId }] });
}

describe.skipIf(server === undefined)('a claim on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  const pools: Pool[] = [];
  /** What happens before each statement on mailboxes of the second store. */
  let before: (() => Promise<unknown>)[] = [];

  function connect(): Pool {
    const pool = new Pool({ connectionString: database.url });
    pools.push(pool);
    return pool;
  }

  beforeAll(() => database.create());
  afterAll(async () => {
    for (const pool of pools) await pool.end();
    await database.drop();
  });

  test('sees waits and payloads at one moment, while others consume theirs', async () => {
    const store = new DrizzleStateStore(drizzle(connect()));
    const watched = connect();
    watched.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      const interrupted = async (...args: unknown[]): Promise<unknown> => {
        const [{ text }] = args as [{ readonly text: string }];
        if (text.includes('from durable_signals')) await before.shift()?.();
        return query(...args);
      };
      client.query = interrupted as typeof client.query;
    });
    const other = new DrizzleStateStore(drizzle(watched));
    await store.migrate();

    const ids = ['r1', 'r2', 'r3'];
    const created = await store.createRuns({ runs: ids.map(newRun), claim: 'w1' });
    const waits = [{ token: TOKEN, position: 1, deadline: null }];
    const change = { to: 'suspended', waitingFor: [], wakeAt: null } as const;
    const runs = created.flatMap((answer) => (answer.outcome === 'busy' ? [] : [answer.run]));
    await store.commit(runs.map((run) => newTurn(run, { waits, change })));
    const message = { namespace: 'default', token: TOKEN, payload: '1', ttlMs: 3_600_000 };
    await store.signal(['p1', 'p2', 'p3'].map((id) => ({ ...message, id })));
    const request = { namespace: 'default', serves: ['order@1'], resync: false };
    const { claimed } = await store.claim({ ...request, worker: 'w1', limit: 2 });
    const [first, second] = claimed.map(({ run }) => run);
    if (!first || !second) throw new Error('two runs are due');

    before = [
      () => store.commit([consuming(first, 'p1')]),
      () => store.commit([consuming(second, 'p2')]),
    ];
    const answer = await other.claim({ ...request, worker: 'w2', limit: 1 });
    expect(answer.claimed).toMatchObject([{ run: { id: 'r3' }, arrivals: [{ messageId: 'p3' }] }]);
    expect(before).toEqual([]);
  });
});
