/** What MikroORM's own tools do to the durable tables, and the migration: the same on each database. */
import { DurableEngine, type NewRun } from '@dudousxd/nestjs-durable-core';
import { defineEntity, MikroORM, type Options, p } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { SqlSchemaGenerator } from '@mikro-orm/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { durableTables, MikroOrmStateStore } from '../src/index.js';
import { DurableSchema1 } from '../src/migrations.js';

const Order = defineEntity({
  name: 'Order',
  tableName: 'orders',
  properties: { id: p.integer().primary(), note: p.string().nullable() },
});

const newRun: NewRun = {
  ...{ id: 'r1', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

/** Options of an empty database, and what removes it. */
export interface EmptyDatabase {
  readonly options: Partial<Options>;
  readonly listTables: string;
  drop(): Promise<unknown>;
}

/** Declares the tests. */
export function describeSchema(name: string, createDatabase: () => Promise<EmptyDatabase>): void {
  describe(`the schema on ${name}`, () => {
    let database: EmptyDatabase;
    let orm: MikroORM;

    function connect(skipTables: readonly string[]): MikroORM {
      return new MikroORM({
        ...database.options,
        entities: [Order],
        extensions: [SqlSchemaGenerator, Migrator],
        schemaGenerator: { skipTables: [...skipTables] },
        migrations: { migrationsList: [DurableSchema1], snapshot: false, silent: true },
      });
    }

    beforeEach(async () => {
      database = await createDatabase();
      orm = connect(durableTables);
    });
    afterEach(async () => {
      await orm.close();
      await database.drop();
    });

    function query(text: string): Promise<readonly { readonly name?: string }[]> {
      return orm.em.getConnection().execute(text);
    }

    async function tables(): Promise<readonly unknown[]> {
      return (await query(database.listTables)).map((row) => row.name);
    }

    async function createRun(): Promise<void> {
      const store = new MikroOrmStateStore(orm);
      await store.createRuns({ runs: [newRun], claim: null });
      await store.close();
    }

    async function startEngine(): Promise<void> {
      const store = new MikroOrmStateStore(orm);
      const engine = new DurableEngine({ store, autoSchema: false });
      await engine.start();
      await engine.stop();
    }

    test('an update of the schema leaves the durable tables alone', async () => {
      await new MikroOrmStateStore(orm).migrate();
      const made = await tables();
      expect(made).toContain('durable_runs');
      await createRun();
      const update = await orm.schema.getUpdateSchemaSQL();
      expect(update).toContain('orders');
      expect(update).not.toContain('durable_');
      await orm.schema.update();
      expect(await tables()).toEqual(expect.arrayContaining([...made, 'orders']));
      expect(await orm.schema.getUpdateSchemaSQL()).toBe('');
      expect(await query('select id from durable_runs')).toEqual([{ id: 'r1' }]);
      await startEngine();
    });

    test('a migration that MikroORM makes would leave them alone', async () => {
      await new MikroOrmStateStore(orm).migrate();
      await orm.schema.update();
      expect(await orm.migrator.checkSchema()).toBe(false);
    });

    test('without the setting they would be dropped', async () => {
      await new MikroOrmStateStore(orm).migrate();
      const careless = connect([]);
      expect(await careless.schema.getUpdateSchemaSQL()).toMatch(/drop table.*durable_runs/);
      await careless.close();
    });

    test('as a migration: run, accepted, reverted', async () => {
      await expect(startEngine()).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
      await orm.migrator.up();
      await startEngine();
      await orm.migrator.down();
      expect((await tables()).filter((table) => String(table).startsWith('durable_'))).toEqual([]);
      await orm.migrator.up();
      await startEngine();
    });

    test('the migration takes over tables that the store has made', async () => {
      await new MikroOrmStateStore(orm).migrate();
      await createRun();
      await orm.migrator.up();
      expect(await query('select id from durable_runs')).toEqual([{ id: 'r1' }]);
      await startEngine();
    });

    test('reverting is refused while a run has not ended', async () => {
      await orm.migrator.up();
      await createRun();
      await expect(orm.migrator.down()).rejects.toMatchObject({
        code: 'SCHEMA_IN_USE',
        fields: { runs: 1 },
      });
      await startEngine();
      const store = new MikroOrmStateStore(orm);
      await store.terminate({ runId: 'r1', reason: 'over', onlyIf: 'nonTerminal' });
      await store.close();
      await orm.migrator.down();
      expect(await tables()).not.toContain('durable_runs');
    });
  });
}
