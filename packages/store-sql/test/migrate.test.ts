import { SchemaTooNewError } from '@dudousxd/nestjs-durable-core';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION, SchemaMissingError, schemaSql, sqlite } from '../src/index.js';
import { newRun, TestStore } from './support/test-store.js';

function schemaOf({ driver }: TestStore): unknown {
  return driver.database
    .prepare('select type, name, tbl_name, sql from sqlite_master order by name')
    .all();
}

describe('the schema', () => {
  test('is made once; after that, migrate writes nothing', async () => {
    const opened = new TestStore();
    await opened.store.migrate();
    const made = schemaOf(opened);
    const texts = await opened.textsOf(() => opened.store.migrate());
    expect(texts.filter((text) => !/^(begin|select|commit)/.test(text))).toEqual([]);
    expect(texts).not.toContain('begin immediate');
    expect(schemaOf(opened)).toEqual(made);
    await opened.store.verifySchema();
  });

  test('is made whole or not at all', async () => {
    const opened = new TestStore();
    opened.driver.database.exec('create table durable_waits (other integer)');
    await expect(opened.store.migrate()).rejects.toThrow(/namespace/);
    expect(schemaOf(opened)).toHaveLength(1);
    opened.driver.database.exec('drop table durable_waits');
    await opened.store.migrate();
    await opened.store.verifySchema();
  });

  test('that is newer than the release stops it, and is left alone', async () => {
    const opened = await TestStore.open();
    const { database } = opened.driver;
    database.prepare('insert into durable_schema values (?, 0)').run(SCHEMA_VERSION + 1);
    const before = schemaOf(opened);
    await expect(opened.store.migrate()).rejects.toThrow(SchemaTooNewError);
    await expect(opened.store.verifySchema()).rejects.toMatchObject({
      fields: { found: SCHEMA_VERSION + 1, supported: SCHEMA_VERSION },
    });
    expect(schemaOf(opened)).toEqual(before);
  });

  test('that is missing is reported with what to do', async () => {
    const opened = new TestStore();
    await expect(opened.store.verifySchema()).rejects.toThrow(SchemaMissingError);
    await expect(opened.store.verifySchema()).rejects.toThrow(/is missing.*migrate\(\)/);
    expect(schemaOf(opened)).toEqual([]);
  });

  test('as text makes the same tables, and the store accepts them', async () => {
    const byText = new TestStore();
    byText.driver.database.exec(schemaSql(sqlite));
    const byMigrate = await TestStore.open();
    expect(schemaOf(byText)).toEqual(schemaOf(byMigrate));
    await byText.store.verifySchema();
    const created = await byText.store.createRuns({ runs: [newRun('r1')], claim: null });
    expect(created.map(({ outcome }) => outcome)).toEqual(['created']);
    expect(schemaSql(sqlite, SCHEMA_VERSION)).toBe('');
  });
});
