/** Subscribers that write when a transaction is about to commit: behind the checkpoint. */
import { DurableEngine, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { PostgresDatabase } from 'store-fixtures';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('subscribers in ctx.transaction on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let dataSource: DataSource;
  let engine: DurableEngine;

  beforeAll(async () => {
    await database.create();
    await database.execute('create table notes (id text primary key)');
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    dataSource = new DataSource({ type: 'postgres', url: database.url });
    await dataSource.initialize();
  });
  afterEach(async () => {
    await engine.stop();
    await dataSource.destroy();
    await database.execute('delete from notes');
  });

  async function runToEnd(beforeCommit: (runner: QueryRunner) => Promise<void>) {
    dataSource.subscribers.push({
      beforeTransactionCommit: ({ queryRunner }) => beforeCommit(queryRunner),
    });
    engine = new DurableEngine({
      store: new TypeOrmStateStore(dataSource),
      worker: { maxPoll: 20 },
    });
    engine.registerWorkflow({
      ...{ name: 'wf', version: '1', source: 'wf' },
      run: (ctx) =>
        (ctx as WorkflowCtx<EntityManager>).transaction(
          'note',
          async (tx, { attempt }) => {
            await tx.query('insert into notes values ($1)', [`attempt-${attempt}`]);
            return attempt;
          },
          { retry: { maxAttempts: 2, initialDelay: 1 } },
        ),
    });
    await engine.start();
    const { runId } = await engine.startRun('wf', null);
    return engine.waitForRun(runId, { timeout: '15s' });
  }

  const notes = () => database.execute('select id from notes order by id');

  test('write in it', async () => {
    const result = await runToEnd(async (runner) => {
      await runner.query("insert into notes values ('subscriber')");
    });
    expect(result).toMatchObject({ output: 1 });
    expect(await notes()).toEqual([{ id: 'attempt-1' }, { id: 'subscriber' }]);
  });

  test('that fail it, and catch that, have not committed it', async () => {
    let commits = 0;
    const result = await runToEnd(async (runner) => {
      commits += 1;
      if (commits === 1) await runner.query('select 1 / 0').catch(() => undefined);
    });
    expect(result).toMatchObject({ output: 2 });
    expect(await notes()).toEqual([{ id: 'attempt-2' }]);
  });
});
