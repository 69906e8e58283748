import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createSystemRuntime,
  DurableEngine,
  type RunResult,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { makeScratchFolder } from 'store-fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DrizzleStateStore, type DrizzleTransaction } from '../src/index.js';

const orders = sqliteTable('orders', { id: text().primaryKey() });

function connect(file: string) {
  return drizzle(new Database(file), { schema: { orders } });
}

type Db = ReturnType<typeof connect>;
type Tx = DrizzleTransaction<Db>;

describe('ctx.transaction on better-sqlite3', () => {
  let db: Db;
  let engine: DurableEngine;

  beforeEach(async () => {
    const folder = await makeScratchFolder();
    db = connect(join(folder, 'app.db'));
    db.$client.exec('create table orders (id text primary key)');
    return async () => {
      db.$client.close();
      await rm(folder, { recursive: true });
    };
  });
  afterEach(() => engine.stop());

  async function runToEnd(run: (ctx: WorkflowCtx<Tx>) => Promise<unknown>): Promise<RunResult> {
    const ignore = (): void => undefined;
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    engine = new DurableEngine({
      store: new DrizzleStateStore(db),
      runtime: createSystemRuntime(logger),
    });
    engine.registerWorkflow({
      name: 'wf',
      version: '1',
      run: (ctx) => run(ctx as WorkflowCtx<Tx>),
      source: 'wf',
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    return engine.waitForRun(runId);
  }

  function rows(): readonly string[] {
    return db
      .select()
      .from(orders)
      .all()
      .map(({ id }) => id);
  }

  test('knows the schema of the application, and its queries', async () => {
    const result = await runToEnd((ctx) =>
      ctx.transaction('order', (tx) => {
        tx.insert(orders).values({ id: 'a' }).run();
        return tx.query.orders.findFirst().sync()?.id;
      }),
    );
    expect(result).toMatchObject({ output: 'a' });
  });

  test('refuses an asynchronous function, and nothing that it still does is written', async () => {
    const over = Promise.withResolvers<unknown>();
    const result = await runToEnd((ctx) =>
      ctx.transaction('order', async (tx) => {
        tx.insert(orders).values({ id: 'before' }).run();
        await null;
        try {
          tx.insert(orders).values({ id: 'after' }).run();
          over.resolve('written');
        } catch (error) {
          over.resolve(error);
        }
      }),
    );
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/has to be synchronous: use \.run\(\).*Nothing was written/),
      },
    });
    expect(await over.promise).toBeInstanceOf(Error);
    expect(rows()).toEqual([]);
    // Fatal: another attempt would be refused, too.
    expect(await engine.history(result.runId)).toHaveLength(1);
  });

  test('goes on after one that was refused', async () => {
    const result = await runToEnd(async (ctx) => {
      await ctx.transaction('bad', async () => 1).catch(() => undefined);
      return ctx.transaction('good', (tx) => {
        tx.insert(orders).values({ id: 'a' }).run();
        return 'done';
      });
    });
    expect(result).toMatchObject({ output: 'done' });
    expect(rows()).toEqual(['a']);
  });

  test('waits while the application has a transaction open', async () => {
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const application = (async () => {
      await begun.promise;
      db.$client.exec('begin immediate');
      ended.resolve();
      await new Promise((resolve) => setTimeout(resolve, 50));
      db.insert(orders).values({ id: 'application' }).run();
      db.$client.exec('commit');
    })();
    const result = await runToEnd(async (ctx) => {
      await ctx.step('begin', async () => {
        begun.resolve();
        await ended.promise;
      });
      return ctx.transaction('order', (tx) => {
        const before = tx.select().from(orders).all().length;
        tx.insert(orders).values({ id: 'workflow' }).run();
        return before;
      });
    });
    await application;
    expect(result).toMatchObject({ output: 1 });
    expect([...rows()].sort()).toEqual(['application', 'workflow']);
  });

  test('a transaction that the database has rolled back itself fails the attempt', async () => {
    const result = await runToEnd((ctx) =>
      ctx.transaction(
        'order',
        (tx) => {
          tx.insert(orders).values({ id: 'a' }).run();
          try {
            tx.run("insert or rollback into orders values ('a')");
          } catch {
            // What follows is not in the transaction any more.
          }
        },
        { retries: 0 },
      ),
    );
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TRANSACTION_BROKEN' } });
    expect(rows()).toEqual([]);
  });
});
