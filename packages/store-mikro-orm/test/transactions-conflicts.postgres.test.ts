import { DurableEngine, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { PostgresDatabase } from 'store-fixtures';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { MikroOrmStateStore } from '../src/index.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)(
  'ctx.transaction of MikroORM on PostgreSQL',
  { timeout: 30_000 },
  () => {
    const database = new PostgresDatabase(server ?? '');
    let orm: MikroORM;
    let engine: DurableEngine;

    beforeAll(async () => {
      await database.create();
      await database.execute('create table counters (id text primary key, n integer not null)');
    });
    afterAll(() => database.drop());
    beforeEach(async () => {
      await database.execute("insert into counters values ('a', 0), ('b', 0)");
      orm = new MikroORM({
        entities: [],
        discovery: { warnWhenNoEntities: false },
        clientUrl: database.url,
        driverOptions: { max: 6 },
      });
    });
    afterEach(async () => {
      await engine.stop();
      await orm.close();
      await database.execute('delete from counters');
    });

    async function runToEnd(run: (ctx: WorkflowCtx<EntityManager>) => Promise<unknown>) {
      const store = new MikroOrmStateStore(orm);
      engine = new DurableEngine({ store, worker: { maxPoll: 20 } });
      engine.registerWorkflow({
        ...{ name: 'wf', version: '1', source: 'wf' },
        run: (ctx) => run(ctx as WorkflowCtx<EntityManager>),
      });
      await engine.start();
      const { runId } = await engine.startRun('wf', null);
      return engine.waitForRun(runId, { timeout: '15s' });
    }

    const add = (manager: EntityManager, id: string) =>
      manager.execute('update counters set n = n + 1 where id = ?', [id]);

    test('a serialization failure runs the body again, as the same attempt', async () => {
      const attempts: number[] = [];
      const result = await runToEnd((ctx) =>
        ctx.transaction(
          'count',
          async (tx, { attempt }) => {
            attempts.push(attempt);
            await tx.execute('select 1 from counters for key share');
            await add(tx, 'b');
            if (attempts.length > 1) return attempt;
            await tx.execute(
              "do $$ begin raise exception 'conflict' using errcode = '40001'; end $$",
            );
            return 'never';
          },
          { retries: 0 },
        ),
      );
      expect(result).toMatchObject({ output: 1 });
      expect(attempts).toEqual([1, 1]);
      expect(await database.execute("select n from counters where id = 'b'")).toEqual([{ n: 1 }]);
    });

    test('a deadlock with the application is over, and counts once', async () => {
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
              application = orm.em.fork().transactional(async (other) => {
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
      const rows = await database.execute('select n from counters');
      expect(rows).toEqual([{ n: 1 + others }, { n: 1 + others }]);
    });

    test('a connection that is lost in the body does not go back to the pool', async () => {
      const pool = await orm.em.getConnection().getNativeClient();
      const result = await runToEnd((ctx) =>
        ctx.transaction(
          'count',
          async (tx, { attempt }) => {
            await add(tx, 'a');
            if (attempt > 8) return attempt;
            const [row] = await tx.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
            await database.execute(`select pg_terminate_backend(${row?.pid})`);
            await add(tx, 'a');
            return 'never';
          },
          { retry: { maxAttempts: 9, initialDelay: 1 } },
        ),
      );
      // More clients were lost than the pool has.
      expect(result).toMatchObject({ output: 9 });
      expect(pool.totalCount).toBeLessThanOrEqual(6);
      expect(await database.execute("select n from counters where id = 'a'")).toEqual([{ n: 1 }]);
    });
  },
);
