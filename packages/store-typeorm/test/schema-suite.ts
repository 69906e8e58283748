/** What TypeORM's own tools do to the durable tables, and the migration: the same on each database. */
import { DurableEngine, type NewRun } from '@dudousxd/nestjs-durable-core';
import { DataSource, type DataSourceOptions, EntitySchema } from 'typeorm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TypeOrmStateStore } from '../src/index.js';
import { DurableSchema1 } from '../src/migrations.js';

const Order = new EntitySchema<{ id: number; note: string }>({
  name: 'orders',
  columns: { id: { type: 'integer', primary: true }, note: { type: 'text', nullable: true } },
});

const newRun: NewRun = {
  ...{ id: 'r1', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

/** Options of an empty database, and what removes it. */
export interface EmptyDatabase {
  readonly options: DataSourceOptions;
  readonly listTables: string;
  drop(): Promise<unknown>;
}

/** Declares the tests. */
export function describeSchema(name: string, createDatabase: () => Promise<EmptyDatabase>): void {
  describe(`the schema on ${name}`, () => {
    let database: EmptyDatabase;
    let dataSource: DataSource;

    beforeEach(async () => {
      database = await createDatabase();
      const entities = [Order];
      const migrations = [DurableSchema1];
      dataSource = new DataSource({ ...database.options, entities, migrations });
      await dataSource.initialize();
    });
    afterEach(async () => {
      await dataSource.destroy();
      await database.drop();
    });

    async function tables(): Promise<readonly string[]> {
      const rows: readonly { readonly name: string }[] = await dataSource.query(
        database.listTables,
      );
      return rows.map((row) => row.name);
    }

    async function createRun(): Promise<void> {
      const store = new TypeOrmStateStore(dataSource);
      await store.createRuns({ runs: [newRun], claim: null });
      await store.close();
    }

    async function startEngine(): Promise<void> {
      const store = new TypeOrmStateStore(dataSource);
      const engine = new DurableEngine({ store, autoSchema: false });
      await engine.start();
      await engine.stop();
    }

    test('synchronize leaves the durable tables alone, and so does what it would generate', async () => {
      await new TypeOrmStateStore(dataSource).migrate();
      const made = await tables();
      expect(made).toContain('durable_runs');
      await createRun();
      await dataSource.query('create table orders (id integer primary key, gone integer)');
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      const texts = upQueries.map(({ query }) => query);
      expect(texts.join('\n')).toContain('orders');
      expect(texts.filter((text) => text.includes('durable_'))).toEqual([]);
      await dataSource.synchronize();
      expect(await tables()).toEqual(expect.arrayContaining([...made, 'orders']));
      expect(await dataSource.query('select id from durable_runs')).toEqual([{ id: 'r1' }]);
      await startEngine();
    });

    test('as a migration: run, accepted, reverted', async () => {
      await expect(startEngine()).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
      await dataSource.runMigrations();
      await startEngine();
      await dataSource.undoLastMigration();
      expect((await tables()).filter((table) => table.startsWith('durable_'))).toEqual([]);
      await dataSource.runMigrations();
      await startEngine();
    });

    test('the migration takes over tables that the store has made', async () => {
      await new TypeOrmStateStore(dataSource).migrate();
      await createRun();
      await dataSource.runMigrations();
      expect(await dataSource.query('select id from durable_runs')).toEqual([{ id: 'r1' }]);
      await startEngine();
    });

    test('reverting is refused while a run has not ended', async () => {
      await dataSource.runMigrations();
      await createRun();
      await expect(dataSource.undoLastMigration()).rejects.toMatchObject({
        code: 'SCHEMA_IN_USE',
        fields: { runs: 1 },
      });
      await startEngine();
      const store = new TypeOrmStateStore(dataSource);
      await store.terminate({ runId: 'r1', reason: 'over', onlyIf: 'nonTerminal' });
      await store.close();
      await dataSource.undoLastMigration();
      expect(await tables()).not.toContain('durable_runs');
    });
  });
}
