/** What the store objects to: each setting on a real server, for this database or, where it has no other scope, for all. */
import { drizzle } from 'drizzle-orm/node-postgres';
import { Client, Pool, type PoolConfig } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('settings of PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let operator: Client;
  const undo: string[] = [];

  beforeAll(async () => {
    await database.create();
    operator = new Client({ connectionString: database.url });
    await operator.connect();
    await withStore({}, (store) => store.migrate());
  });
  afterEach(async () => {
    for (const text of undo.splice(0)) await operator.query(text);
  });
  afterAll(async () => {
    await operator.end();
    await database.drop();
  });

  async function withStore<T>(
    config: PoolConfig,
    work: (store: DrizzleStateStore) => Promise<T>,
  ): Promise<T> {
    const pool = new Pool({ connectionString: database.url, max: 2, ...config });
    const store = new DrizzleStateStore(drizzle(pool));
    try {
      return await work(store);
    } finally {
      await store.close();
      await pool.end();
    }
  }

  const check = (config: PoolConfig = {}) => withStore(config, (store) => store.checkSettings());

  async function setForDatabase(setting: string, value: string): Promise<void> {
    const name = new URL(database.url).pathname.slice(1);
    undo.push(`alter database ${name} reset ${setting}`);
    await operator.query(`alter database ${name} set ${setting} = '${value}'`);
  }

  /** Waits until new sessions see it: the server reads its files at its leisure. */
  async function setForServer(setting: string, value: string): Promise<void> {
    undo.push(`alter system reset ${setting}`, 'select pg_reload_conf()');
    await operator.query(`alter system set ${setting} = '${value}'`);
    await operator.query('select pg_reload_conf()');
    const isSet = async () => (await operator.query(`show ${setting}`)).rows[0][setting] === value;
    await expect.poll(isSet, { timeout: 10_000 }).toBe(true);
  }

  test('a server with its defaults gives no findings', async () => {
    expect(await check()).toEqual([]);
  });

  test.each([
    ['synchronous_commit', 'off'],
    ['synchronous_commit', 'local'],
    ['default_transaction_isolation', 'serializable'],
    ['default_transaction_read_only', 'on'],
    ['idle_in_transaction_session_timeout', '500'],
  ])('%s = %s', async (setting, value) => {
    await setForDatabase(setting, value);
    const findings = await check();
    expect(findings).toMatchObject([{ setting, value }]);
    for (const text of [findings[0]?.why, findings[0]?.how]) expect(text).toMatch(/\.$/);
  });

  test.each([
    ['fsync', 'off'],
    ['full_page_writes', 'off'],
  ])('%s = %s', async (setting, value) => {
    await setForServer(setting, value);
    expect(await check()).toMatchObject([{ setting, value }]);
  });

  test.each([
    ['synchronous_commit', 'remote_apply'],
    ['idle_in_transaction_session_timeout', '60000'],
  ])('%s = %s is all right', async (setting, value) => {
    await setForDatabase(setting, value);
    expect(await check()).toEqual([]);
  });

  test('a pool of one', async () => {
    expect(await check({ max: 1 })).toMatchObject([{ setting: 'pool max', value: '1' }]);
  });

  test('no connection left to listen on', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const role = `listener_${name.slice(-8)}`;
    await operator.query(`create role ${role} login connection limit 1`);
    await operator.query(`grant select on all tables in schema public to ${role}`);
    undo.push(`drop owned by ${role}`, `drop role ${role}`);
    // The pool's one client takes the only connection that the role may have.
    const findings = await check({
      user: role,
      connectionString: undefined,
      ...hostOf(database.url),
    });
    expect(findings).toMatchObject([
      { setting: 'LISTEN', value: expect.stringMatching(/too many connections/) },
    ]);
  });
});

function hostOf(text: string): PoolConfig {
  const url = new URL(text);
  return { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1), max: 2 };
}
