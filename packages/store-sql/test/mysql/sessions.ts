import { createPool as createMariaDbPool } from 'mariadb';
import type { Pool, PoolConnection } from 'mysql2';
import { createPool as createPromisePool } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MySqlDialect } from '../../src/dialect/mysql.js';
import { MySqlExecutor, type SqlStateStore, StoreBusyError } from '../../src/index.js';
import { connectWithin } from '../../src/mysql/bounded-connection.js';
import { toMySqlPool } from '../../src/mysql/driver.js';
import { NoAnswerError } from '../../src/mysql/failures.js';
import { change, databaseTime, first, type Script } from '../../src/sql/script.js';
import { query, update } from '../../src/sql/statement.js';
import { newEvent, newRun, newTurn, runsOf } from '../support/test-store.js';
import { MySqlDatabase, storeOn } from './mysql-database.js';

const SETTINGS =
  'select @@session.sql_mode as mode, @@session.innodb_lock_wait_timeout as lock_wait, ' +
  '@@session.sql_select_limit as select_limit, @@session.sql_safe_updates as safe_updates, ' +
  '@@session.unique_checks as unique_checks, @@session.completion_type as completion_type, ' +
  '@@session.autocommit as autocommit, @@character_set_client as client, ' +
  '@@collation_connection as literals, @@character_set_results as results';

/** What applications do to their sessions; each of these would break statements or change texts. */
const HOSTILE =
  "set session sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT', innodb_lock_wait_timeout = 77, " +
  'sql_select_limit = 1, sql_safe_updates = 1, unique_checks = 0, completion_type = 1';

const WILD = `'; drop table durable_runs; -- \\' " \\\\ \n \u0001 👍 ? ?? :a $1 \`x\` \\`;

const SET_REASON = update('setReason', {
  table: 'durable_runs',
  set: 'reason = ?',
  where: 'id = ?',
});
const REASON = query<{ readonly reason: string | null }>(
  'reason',
  'select r.reason from durable_runs r where r.id = ?',
);

function* setReasons(ids: readonly string[], reason: string): Script<void> {
  for (const id of ids) yield* change(SET_REASON, [[reason, id]]);
}

/** Resolves with the first connection that the pool makes. */
function firstConnection(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve) => pool.once('connection', resolve));
}

export function describeSessions(server: string, dialect: MySqlDialect): void {
  describe('sessions', () => {
    let database: MySqlDatabase;
    let store: SqlStateStore;

    beforeAll(async () => {
      database = await MySqlDatabase.create(server);
      await database.migrate();
    });
    afterAll(() => database.drop());
    beforeEach(() => {
      store = database.openStore();
      return () => store.close();
    });

    let count = 0;
    async function created(stores: SqlStateStore = store) {
      count += 1;
      const answers = await stores.createRuns({ runs: [newRun(`s${count}`)], claim: 'w1' });
      const [run] = runsOf(answers);
      if (!run) throw new Error('no run');
      return run;
    }

    async function useWith(stores: SqlStateStore): Promise<void> {
      count += 1;
      const ids = [`wild-${WILD}-${count}`, `wild-${count}`];
      const runs = ids.map((id) => newRun(id, { input: WILD, tags: [WILD] }));
      const owned = runsOf(await stores.createRuns({ runs, claim: 'w1' }));
      const turns = owned.map((run) =>
        newTurn(run, { events: [{ ...newEvent(1), payload: WILD }] }),
      );
      expect((await stores.commit(turns)).map(({ outcome }) => outcome)).toEqual([
        'committed',
        'committed',
      ]);
      const requests = runs.map(({ id }) => ({ runId: id, branch: 0, after: 0 }));
      expect(await stores.history(requests)).toMatchObject(runs.map(() => [{ payload: WILD }]));
      const outcome = { status: 'failed', output: null, error: WILD, reason: WILD } as const;
      const ends = owned.map((run) =>
        newTurn(run, { change: { to: 'settled', outcome, hasChildren: false } }),
      );
      await stores.commit(ends);
      for (const { id } of runs) {
        expect(await stores.getRun(id)).toMatchObject({
          input: WILD,
          tags: [WILD],
          error: WILD,
          reason: WILD,
        });
      }
      const { namespace = '' } = runs[0] ?? {};
      const page = await stores.listRuns({ namespace, tag: WILD }, 100, null);
      expect(page.runs.map(({ id }) => id)).toEqual(
        expect.arrayContaining(runs.map(({ id }) => id)),
      );
    }

    test('are found as the application has set them, used as the store needs them, and left as they were', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      pool.on('connection', (connection) => connection.query(HOSTILE));
      const hostile = storeOn(new MySqlExecutor({ pool }));
      const [before] = await pool.promise().query(SETTINGS);
      expect(before).toMatchObject([{ lock_wait: 77, select_limit: 1 }]);
      await useWith(hostile);
      await hostile.close();
      const [after] = await pool.promise().query(SETTINGS);
      expect(after).toEqual(before);
    });

    test('keep texts whole, and are left as they were, though the application has changed their character set since', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      const stores = storeOn(new MySqlExecutor({ pool }));
      await useWith(stores);
      await pool.promise().query("set names 'latin1' collate 'latin1_german1_ci'");
      const [before] = await pool.promise().query(SETTINGS);
      expect(before).toMatchObject([{ client: 'latin1', literals: 'latin1_german1_ci' }]);
      await useWith(stores);
      // Only who reads by other settings sees what was really stored.
      expect((await store.getRun(`wild-${count}`))?.input).toBe(WILD);
      await stores.close();
      const [after] = await pool.promise().query(SETTINGS);
      expect(after).toEqual(before);
    });

    test('are left as they were after a failure, too', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      const executor = new MySqlExecutor({ pool });
      const [before] = await pool.promise().query(SETTINGS);
      const failing = executor.write(function* () {
        yield* databaseTime();
        throw new Error('the script fails');
      });
      await expect(failing).rejects.toThrow('the script fails');
      await executor.close();
      const [after] = await pool.promise().query(SETTINGS);
      expect(after).toEqual(before);
    });

    test('keep their isolation level: only the transaction has another', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      const level = `select @@session.${dialect.family.isolation} as level`;
      pool.on('connection', (connection) =>
        connection.query('set session transaction isolation level serializable'),
      );
      const executor = new MySqlExecutor({ pool });
      const run = await created();
      // Under SERIALIZABLE, this would be a read that waits for the other's lock.
      await database.with(async (other) => {
        await other.beginTransaction();
        await other.query('select id from durable_runs where id = ? for update', [run.id]);
        const read = executor.read(() => first(REASON, [run.id]));
        expect(await read).toEqual({ reason: null });
        await other.rollback();
      });
      await executor.close();
      const [rows] = await pool.promise().query(level);
      expect(rows).toEqual([{ level: 'SERIALIZABLE' }]);
    });

    test('with another character set are refused: it would lose characters', async () => {
      const pool = database.openPool({ charset: 'latin1' });
      const refused = storeOn(new MySqlExecutor({ pool }));
      await expect(refused.getRun('x')).rejects.toThrow(/character set is latin1.*utf8mb4/);
      await refused.close();
    });

    test('that turn texts of statements into another character set are refused', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      await pool.promise().query("set character_set_connection = 'latin1'");
      const refused = storeOn(new MySqlExecutor({ pool }));
      await expect(refused.getRun('x')).rejects.toThrow(/character set is latin1.*utf8mb4/);
      await refused.close();
    });

    test('without a database, and with a format of their own, are refused', async () => {
      const pool = database.openPool({ uri: server.replace(/\/\w*$/, '') });
      const refused = storeOn(new MySqlExecutor({ pool }));
      await expect(refused.getRun('x')).rejects.toThrow(/without a database/);
      await refused.close();
      const formatted = database.openPool({ queryFormat: (text: string) => text } as object);
      expect(() => new MySqlExecutor({ pool: formatted })).toThrow(/queryFormat/);
    });

    test.each([
      [
        'mysql2/promise',
        () =>
          createPromisePool({
            uri: database.url,
            supportBigNumbers: true,
            bigNumberStrings: true,
            rowsAsArray: true,
          }),
      ],
      ['mariadb', () => createMariaDbPool({ ...mariaDbOptions(database.url), rowsAsArray: true })],
    ])('of a pool of %s work the same', async (_, open) => {
      const pool = open();
      const own = storeOn(new MySqlExecutor({ pool }));
      await useWith(own);
      const run = await created(own);
      expect((await own.createRuns({ runs: [newRun(run.id)], claim: null }))[0]?.outcome).toBe(
        'existing',
      );
      await own.close();
      await pool.end();
    });

    test('name the time of the database, whatever their time zone', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      pool.on('connection', (connection) => connection.query("set time_zone = '+11:30'"));
      const executor = new MySqlExecutor({ pool });
      const now = await executor.read(() => databaseTime());
      expect(Math.abs(now - Date.now())).toBeLessThan(5_000);
      expect(Number.isInteger(now)).toBe(true);
      await executor.close();
    });

    test('that are killed, idle or busy, are replaced', async () => {
      const pool = database.openPool({ connectionLimit: 2 });
      const executor = new MySqlExecutor({ pool });
      const connection = firstConnection(pool);
      const own = storeOn(executor);
      const run = await created(own);
      await database.query(`kill ${(await connection).threadId}`);
      await expect.poll(() => own.getRun(run.id).catch(() => null)).toMatchObject({ id: run.id });
      await database.with(async (other) => {
        await other.beginTransaction();
        await other.query('select id from durable_runs where id = ? for update', [run.id]);
        const waiting = own.releaseRun(run.id, 'w1', run.epoch).catch((error) => error);
        await database.query(`kill ${await waiter(database)}`);
        expect(executor.classify(await waiting)).toBe('unavailable');
        await other.rollback();
      });
      expect(await own.releaseRun(run.id, 'w1', run.epoch)).toBe(true);
      await own.close();
    });

    test('wait for a lock as long as they are told, and say what kept them', async () => {
      const run = await created();
      const patient = database.openStore({ busyTimeoutMs: 1_000 });
      await database.with(async (other) => {
        await other.beginTransaction();
        await other.query('select id from durable_runs where id = ? for update', [run.id]);
        const release = patient.releaseRun(run.id, 'w1', run.epoch);
        await expect(release).rejects.toThrow(StoreBusyError);
        await other.rollback();
      });
      expect(await patient.releaseRun(run.id, 'w1', run.epoch)).toBe(true);
      await patient.close();
    });

    test('do not let a start wait for the id that an open transaction holds', async () => {
      const ids = ['start-a', 'start-held', 'start-b'];
      const runs = ids.map((id) => newRun(id));
      await database.with(async (other) => {
        await other.beginTransaction();
        await other.query(
          'insert into durable_runs (id, epoch, branch, status, namespace, workflow, version, priority, crashes, ' +
            "created_at, seed, input_digest, tags, input) values ('start-held', 0, 0, 'pending', 'default', 'order', " +
            "'1', 0, 0, 1, 's', 'd', '[]', '{}')",
        );
        const outcomes = await store.createRuns({ runs, claim: null });
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'busy', 'created']);
        await other.rollback();
      });
      const again = await store.createRuns({ runs, claim: null });
      expect(again.map(({ outcome }) => outcome)).toEqual(['existing', 'created', 'existing']);
    });

    test('that are the victims of a deadlock do it again', async () => {
      const [a, b] = [await created(), await created()];
      for (let i = 0; i < 5; i += 1) await created();
      const executor = new MySqlExecutor({ pool: database.openPool() });
      let tries = 0;
      await database.with(async (other) => {
        await other.query('set session transaction isolation level read committed');
        await other.beginTransaction();
        // The one that has changed more is spared.
        await other.query("update durable_runs set reason = concat('x', id) where id <> ?", [a.id]);
        const script = executor.write(function* () {
          tries += 1;
          yield* setReasons([a.id, b.id], 'ours');
        });
        await waiter(database);
        await other.query("update durable_runs set reason = 'theirs' where id = ?", [a.id]);
        await other.commit();
        await script;
      });
      expect(tries).toBeGreaterThan(1);
      const reasons = [a, b].map(({ id }) => executor.read(() => first(REASON, [id])));
      expect(await Promise.all(reasons)).toEqual([{ reason: 'ours' }, { reason: 'ours' }]);
      await executor.close();
    });

    test('that do not answer in time are closed', async () => {
      const pool = database.openPool({ connectionLimit: 1 });
      const connection = await connectWithin(toMySqlPool(pool), 300);
      await expect(connection.send('do sleep(20)')).rejects.toThrow(NoAnswerError);
      const next = await connectWithin(toMySqlPool(pool), 5_000);
      expect(await next.send('select 1 as one')).toEqual([{ one: 1 }]);
      // The pool has no other.
      await expect(connectWithin(toMySqlPool(pool), 50)).rejects.toThrow(NoAnswerError);
      await next.release();
    });
  });
}

function mariaDbOptions(url: string) {
  const { hostname: host, port, username: user, pathname } = new URL(url);
  return { host, port: Number(port), user, database: pathname.slice(1), connectionLimit: 3 };
}

/** The id of the connection that waits for a row's lock, when one does. */
async function waiter(database: MySqlDatabase): Promise<number> {
  const text =
    "select t.trx_mysql_thread_id as id from information_schema.innodb_trx t where t.trx_state = 'LOCK WAIT'";
  let id: number | undefined;
  await expect
    .poll(
      async () => {
        [{ id } = { id: undefined }] = await database.query<{ readonly id: number }>(text);
        return id;
      },
      // The server looks anew only if nobody has asked for 100 ms.
      { interval: 150, timeout: 5_000 },
    )
    .toBeDefined();
  return id ?? 0;
}
