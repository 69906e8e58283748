/** What senders do that looked at a run before it ended, or before it was put back to work. */
import type { InboxMessage, RunRecord, StateStore } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

/** Held by the test: whatever comes to one of the triggers waits for it. */
const HELD = 7_001;
const WAITERS = 'select count(*)::int as n from pg_locks where not granted';

/** Messages wait when they are put down; the end of a run named `kid` waits at its COMMIT. */
const TRIGGERS = `
  create function wait_for_test() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(${HELD}); return new; end $$;
  create trigger hold_message before insert on durable_inbox
    for each row execute function wait_for_test();
  create constraint trigger hold_kid after update on durable_runs deferrable initially deferred
    for each row when (new.id = 'kid' and new.status = 'completed') execute function wait_for_test();
`;

const nothing = { output: null, error: null, reason: null };
const FAILED = { ...nothing, status: 'failed', error: '"e"' } as const;
const COMPLETED = { ...nothing, status: 'completed', output: '"out"' } as const;

describe.skipIf(server === undefined)('a message on its way', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let store: StateStore;

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url });
    store = new DrizzleStateStore(drizzle(pool));
    await store.migrate();
    await pool.query(TRIGGERS);
  });
  afterAll(async () => {
    await store.close();
    await pool.end();
    await database.drop();
  });

  async function start(id: string, parentRunId?: string): Promise<RunRecord> {
    const parent =
      parentRunId === undefined
        ? null
        : ({ runId: parentRunId, branch: 0, position: 1, closePolicy: 'abandon' } as const);
    const run = { id, namespace: 'default', workflow: 'wf', version: '1', input: 'null' };
    const rest = { inputDigest: 'd', seed: id, parent, tags: [], priority: 0 } as const;
    const [answer] = await store.createRuns({
      runs: [{ ...run, ...rest, startAt: null, timeoutMs: null }],
      claim: 'w1',
    });
    if (answer?.outcome !== 'created') throw new Error(`${id} was not created`);
    return answer.run;
  }

  async function settle(run: RunRecord, outcome: typeof FAILED | typeof COMPLETED): Promise<void> {
    const { id: runId, namespace, branch, worker, epoch } = run;
    const change = { to: 'settled', outcome, hasChildren: false } as const;
    const none = { events: [], consumedInbox: [], consumedSignals: [], waits: [], withdrawals: [] };
    const [result] = await store.commit([
      {
        ...{ runId, namespace, branch, worker: worker ?? '', epoch, change, ...none },
        ...{ tasks: [], endedTasks: [], children: [], messages: [] },
      },
    ]);
    expect(result?.outcome).toBe('committed');
  }

  const retry = ({ id: runId, branch, epoch }: RunRecord) =>
    store.retry({ runId, branch, epoch, events: [] });

  /** Runs `during` while everything that comes to a trigger waits. */
  async function holding(during: () => Promise<void>): Promise<void> {
    const holder = await pool.connect();
    try {
      await holder.query(`select pg_advisory_lock(${HELD})`);
      await during();
    } finally {
      await holder.query(`select pg_advisory_unlock(${HELD})`);
      holder.release();
    }
  }

  async function untilWaiting(count: number): Promise<void> {
    await expect
      .poll(async () => (await pool.query<{ n: number }>(WAITERS)).rows[0]?.n, { timeout: 5_000 })
      .toBe(count);
  }

  const cancel = (runId: string): InboxMessage => ({
    ...{ runId, branch: null, key: 'cancel', body: { kind: 'cancel', reason: null } as const },
  });

  const childEnd = (runId: string): InboxMessage => {
    const body = { kind: 'child', position: 1, childRunId: 'c', outcome: FAILED } as const;
    return { runId, branch: null, key: 'child:1:c', body };
  };

  const received = async (runId: string) =>
    ((await store.receive([runId])).get(runId) ?? []).map(
      (arrival) => arrival.type === 'inbox' && arrival.body.kind,
    );

  test('that was accepted while its run ended is not for the branch that a retry opens', async () => {
    const run = await start('ends');
    let sent: Promise<unknown> = Promise.resolve();
    await holding(async () => {
      sent = store.deliver([cancel(run.id), childEnd(run.id)]);
      await untilWaiting(1);
      await settle(run, FAILED);
    });
    expect(await sent).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
    expect(await retry(run)).toMatchObject({ outcome: 'done', run: { branch: 1 } });
    expect(await received(run.id)).toEqual([]);
  });

  test('over the end of its run and the retry: a cancel is too late, the end of a child is not', async () => {
    const run = await start('ends-and-comes-back');
    let sent: Promise<unknown> = Promise.resolve();
    await holding(async () => {
      sent = store.deliver([cancel(run.id), childEnd(run.id)]);
      await untilWaiting(1);
      await settle(run, FAILED);
      expect(await retry(run)).toMatchObject({ outcome: 'done', run: { branch: 1 } });
    });
    await sent;
    expect(await received(run.id)).toEqual(['child']);
  });

  test('that a failed parent is not told is known when the parent is put back to work', async () => {
    const parent = await start('parent');
    const kid = await start('kid', 'parent');
    await settle(parent, FAILED);
    let ended: Promise<unknown> = Promise.resolve();
    let retried: Promise<string | undefined> = Promise.resolve(undefined);
    await holding(async () => {
      ended = settle(kid, COMPLETED);
      await untilWaiting(1);
      let isDone = false;
      retried = retry(parent).then(async () => {
        isDone = true;
        return (await store.getRun('kid'))?.status;
      });
      await expect
        .poll(async () => isDone || (await pool.query<{ n: number }>(WAITERS)).rows[0]?.n === 2)
        .toBe(true);
    });
    await ended;
    const isKnown = (await retried) === 'completed';
    expect(isKnown || (await received('parent')).includes('child')).toBe(true);
  });
});
