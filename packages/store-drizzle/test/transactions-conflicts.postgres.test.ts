import {
  createSystemRuntime,
  DurableEngine,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore, type DrizzleTransaction } from '../src/index.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('ctx.transaction on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let engine: DurableEngine;

  function connect() {
    pool = new Pool({ connectionString: database.url, max: 6 });
    return drizzle(pool);
  }
  type Db = ReturnType<typeof connect>;
  type Tx = DrizzleTransaction<Db>;
  let db: Db;
  type Body = (ctx: WorkflowCtx<Tx>) => Promise<unknown>;

  beforeAll(async () => {
    await database.create();
    await database.execute('create table counters (id text primary key, n integer not null)');
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    await database.execute("insert into counters values ('a', 0), ('b', 0)");
    db = connect();
  });
  afterEach(async () => {
    await engine.stop();
    await pool.end();
    await database.execute('delete from counters');
  });

  async function runToEnd(run: Body) {
    const ignore = (): void => undefined;
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    engine = new DurableEngine({
      store: new DrizzleStateStore(db),
      runtime: createSystemRuntime(logger),
      worker: { maxPoll: 20 },
    });
    engine.registerWorkflow({
      name: 'wf',
      version: '1',
      run: (ctx) => run(ctx as WorkflowCtx<Tx>),
      source: 'wf',
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    return engine.waitForRun(runId, { timeout: '15s' });
  }

  async function counter(id: string): Promise<number> {
    const rows = await database.execute(`select n from counters where id = '${id}'`);
    return (rows as readonly { readonly n: number }[])[0]?.n ?? -1;
  }

  const add = (tx: Pick<Tx, 'execute'>, id: string) =>
    tx.execute(sql`update counters set n = n + 1 where id = ${id}`);

  test('a serialization failure runs the body again, as the same attempt', async () => {
    const attempts: number[] = [];
    const result = await runToEnd((ctx) =>
      ctx.transaction(
        'count',
        async (tx, { attempt }) => {
          attempts.push(attempt);
          await tx.setTransaction({ isolationLevel: 'serializable' });
          await tx.execute(sql`select n from counters where id = 'a'`);
          // Somebody else changes the row after this transaction has read it.
          if (attempts.length === 1) await add(db, 'a');
          await add(tx, 'a');
          return attempt;
        },
        { retries: 0 },
      ),
    );
    expect(result).toMatchObject({ output: 1 });
    expect(attempts).toEqual([1, 1]);
    expect(await counter('a')).toBe(2);
  });

  test('a deadlock with the application runs the body again', async () => {
    let bodies = 0;
    let application: Promise<unknown> = Promise.resolve();
    const result = await runToEnd((ctx) =>
      ctx.transaction(
        'count',
        async (tx) => {
          bodies += 1;
          await add(tx, 'a');
          if (bodies === 1) {
            const holds = Promise.withResolvers<void>();
            application = db.transaction(async (other) => {
              await add(other, 'b');
              holds.resolve();
              await add(other, 'a');
            });
            // Either of the two is the one that the database picks.
            application.catch(() => undefined);
            await holds.promise;
          }
          await add(tx, 'b');
          return bodies;
        },
        { retries: 0 },
      ),
    );
    const [outside] = await Promise.allSettled([application]);
    const others = outside?.status === 'fulfilled' ? 1 : 0;
    expect(result).toMatchObject({ output: 1 + others });
    expect([await counter('a'), await counter('b')]).toEqual([1 + others, 1 + others]);
  });

  test('a caught error of a statement fails the attempt, and says what to do', async () => {
    const result = await runToEnd((ctx) =>
      ctx.transaction(
        'count',
        async (tx) => {
          await add(tx, 'a');
          await tx.execute(sql`insert into counters values ('a', 1)`).catch(() => undefined);
        },
        { retries: 0 },
      ),
    );
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'TRANSACTION_BROKEN', message: /nested transaction \(a savepoint\)/ },
    });
    expect(await counter('a')).toBe(0);
  });

  test('a statement may fail in a nested transaction', async () => {
    const result = await runToEnd((ctx) =>
      ctx.transaction('count', async (tx) => {
        await add(tx, 'a');
        const nested = tx.transaction((inner) =>
          inner.execute(sql`insert into counters values ('a', 1)`),
        );
        await nested.catch(() => undefined);
        return 'counted';
      }),
    );
    expect(result).toMatchObject({ output: 'counted' });
    expect(await counter('a')).toBe(1);
  });

  test('a transaction that the body ends by hand fails the attempt', async () => {
    const result = await runToEnd((ctx) =>
      ctx.transaction('count', async (tx) => tx.execute(sql`rollback`).then(() => 'counted'), {
        retries: 0,
      }),
    );
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TRANSACTION_BROKEN' } });
  });

  test('a connection that is lost in the body fails the attempt, and the next one counts', async () => {
    const attempts: number[] = [];
    const result = await runToEnd((ctx) =>
      ctx.transaction(
        'count',
        async (tx, { attempt }) => {
          attempts.push(attempt);
          await add(tx, 'a');
          if (attempt === 1) {
            const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
            await db.execute(sql`select pg_terminate_backend(${rows[0]?.pid ?? 0})`);
          }
          return attempt;
        },
        { retry: { maxAttempts: 2, initialDelay: 1 } },
      ),
    );
    expect(result).toMatchObject({ output: 2 });
    expect(attempts).toEqual([1, 2]);
    expect(await counter('a')).toBe(1);
  });
});
