/** What drizzle-kit makes of the schema modules, and what it leaves alone: the same on each database. */
import { DurableEngine, type NewRun } from '@dudousxd/nestjs-durable-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DrizzleStateStore } from '../../src/index.js';
import { DrizzleKit, type KitOptions } from './drizzle-kit.js';

/** An empty database. */
export interface KitDatabase {
  readonly kit: KitOptions;
  /** The schema module. */
  readonly module: 'postgres' | 'mysql' | 'mariadb' | 'sqlite';
  /** A table `orders`, in Drizzle. */
  readonly orders: string;
  createStore(): DrizzleStateStore;
  execute(sql: string): Promise<readonly unknown[]>;
  /** Statements that `push` repeats each time, and that change nothing. */
  readonly repeats?: RegExp;
  /** A query for all that makes up the columns and the indexes of the tables `durable_…`. */
  readonly describeTables: string;
  drop(): Promise<unknown>;
}

/** With `tablesFilter`, or with the schema module beside the application's schema. */
export type Push = 'with the filter' | 'with the module';

const newRun: NewRun = {
  ...{ id: 'r1', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

const RECORD_VERSION = 'insert into durable_schema (version, applied_at) values (1, 0)';

async function startEngine(database: KitDatabase, autoSchema: boolean): Promise<void> {
  const engine = new DurableEngine({ store: database.createStore(), autoSchema });
  await engine.start();
  await engine.stop();
}

async function createRun(database: KitDatabase): Promise<void> {
  const store = database.createStore();
  await store.createRuns({ runs: [newRun], claim: null });
  expect(await store.getRun('r1')).toMatchObject({ status: 'pending' });
  await store.close();
}

/** Declares the tests. */
export function describeKit(
  name: string,
  createDatabase: () => Promise<KitDatabase>,
  push: Push,
): void {
  describe(`drizzle-kit on ${name}`, { timeout: 120_000 }, () => {
    let database: KitDatabase;
    let kit: DrizzleKit;

    beforeEach(async () => {
      database = await createDatabase();
      kit = await DrizzleKit.create(database.kit);
    });
    afterEach(async () => {
      await kit.dispose();
      await database.drop();
    });

    const withDurable = (): string =>
      `${database.orders}\nexport * from '@dudousxd/nestjs-durable-store-drizzle/schema/${database.module}';`;

    test('generate makes the tables that the store makes, once, and the store works on them', async () => {
      await kit.setSchema(withDurable());
      await kit.run('generate');
      await kit.run('migrate');
      expect(await kit.run('generate')).toContain('No schema changes');
      const made = await database.execute(database.describeTables);
      const other = await createDatabase();
      await startEngine(other, true);
      expect(made).toEqual(await other.execute(other.describeTables));
      await other.drop();

      await expect(startEngine(database, false)).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
      await database.execute(RECORD_VERSION);
      await startEngine(database, false);
      await createRun(database);
      await database.execute('delete from durable_schema');
      await startEngine(database, true);
      await startEngine(database, false);
    });

    test('push neither drops nor changes what the store has made', async () => {
      await startEngine(database, true);
      await createRun(database);
      const made = await database.execute(database.describeTables);
      await kit.setSchema(push === 'with the filter' ? database.orders : withDurable());
      const config = push === 'with the filter' ? 'filtered' : 'drizzle';
      const said = await kit.run('push', '--force', '--verbose', `--config=${config}.config.json`);
      expect(said).toMatch(/create table .orders/i);
      const changes = said.split('\n').filter((line) => line.includes('durable_'));
      expect(changes.filter((line) => !database.repeats?.test(line))).toEqual([]);
      expect(await database.execute(database.describeTables)).toEqual(made);
      expect(await database.execute('select id from durable_runs')).toEqual([{ id: 'r1' }]);
      await database.execute('select * from orders');
    });
  });
}
