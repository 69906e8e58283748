import { describe, expect, onTestFinished, test } from 'vitest';
import type { MySqlDialect } from '../../src/dialect/mysql.js';
import { MySqlExecutor, migrateSchema, SCHEMA_VERSION, schemaSql } from '../../src/index.js';
import { MySqlDatabase, storeOn } from './mysql-database.js';

const SCHEMA =
  'select c.table_name as t, c.column_name as c, c.column_type as type, c.collation_name as coll, c.is_nullable as n ' +
  'from information_schema.columns c where c.table_schema = database() order by 1, c.ordinal_position';
const INDEXES =
  'select s.table_name as t, s.index_name as i, s.column_name as c, s.non_unique as u ' +
  'from information_schema.statistics s where s.table_schema = database() order by 1, 2, s.seq_in_index';

async function schemaOf(database: MySqlDatabase): Promise<unknown> {
  return [await database.query(SCHEMA), await database.query(INDEXES)];
}

async function newDatabase(server: string): Promise<MySqlDatabase> {
  const database = await MySqlDatabase.create(server);
  onTestFinished(() => database.drop());
  return database;
}

/** An executor whose connection is killed before its statement number `at` that defines something. */
function killedBefore(
  database: MySqlDatabase,
  at: number,
): { executor: MySqlExecutor; hasHit: () => boolean } {
  const pool = database.openPool({ connectionLimit: 1 });
  let defined = 0;
  pool.on('connection', (connection) => {
    const query = connection.query.bind(connection) as (...args: unknown[]) => unknown;
    const killing = (...args: unknown[]): unknown => {
      const { sql } = args[0] as { readonly sql: string };
      if (/^(create|insert)/.test(sql)) defined += 1;
      if (defined !== at) return query(...args);
      defined += 1;
      const send = (): void => void query(...args);
      return void database.query(`kill ${connection.threadId}`).then(send, send);
    };
    connection.query = killing as typeof connection.query;
  });
  return { executor: new MySqlExecutor({ pool }), hasHit: () => defined > at };
}

/** DDL is not transactional here: other things have to keep migrations apart, and make them go on where one has stopped. */
export function describeMigrations(server: string, dialect: MySqlDialect): void {
  describe('migrations', () => {
    test('made once; after that, migrate writes nothing', async () => {
      const database = await newDatabase(server);
      await database.migrate();
      const before = await schemaOf(database);
      await database.migrate();
      expect(await schemaOf(database)).toEqual(before);
      const versions = await database.query('select version from durable_schema');
      expect(versions).toEqual([{ version: SCHEMA_VERSION }]);
    });

    test('by several processes at once: all find it done', async () => {
      const database = await newDatabase(server);
      const executors = Array.from(
        { length: 6 },
        () => new MySqlExecutor({ pool: database.openPool() }),
      );
      await Promise.all(executors.map((executor) => migrateSchema(executor)));
      for (const executor of executors) {
        await storeOn(executor).verifySchema();
        await executor.close();
      }
      const versions = await database.query('select version from durable_schema');
      expect(versions).toEqual([{ version: SCHEMA_VERSION }]);
    });

    test('killed before any of its statements, it goes on from there', {
      timeout: 60_000,
    }, async () => {
      const whole = await newDatabase(server);
      await whole.migrate();
      const expected = await schemaOf(whole);
      let kills = 0;
      for (let at = 1; ; at += 1) {
        const database = await newDatabase(server);
        const { executor, hasHit } = killedBefore(database, at);
        const outcome = await migrateSchema(executor).catch((error: unknown) => error);
        if (!hasHit()) break;
        kills += 1;
        expect(executor.classify(outcome)).toBe('unavailable');
        await executor.close();
        const other = database.openStore();
        await expect(other.verifySchema()).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
        await other.migrate();
        await other.verifySchema();
        await other.close();
        expect(await schemaOf(database)).toEqual(expected);
      }
      expect(kills).toBeGreaterThan(10);
    });

    test('waits for another process that migrates, and leaves no lock behind', async () => {
      const database = await newDatabase(server);
      const [lock = ''] = dialect.lockSchema;
      await database.with(async (other) => {
        await other.query(lock);
        const store = database.openStore();
        const migrated = store.migrate();
        const waiting = 'select count(*) as n from information_schema.processlist where state = ?';
        await expect
          .poll(async () =>
            Number((await database.query<{ n: number }>(waiting, ['User lock']))[0]?.n),
          )
          .toBeGreaterThan(0);
        expect(await database.query("show tables like 'durable%'")).toEqual([]);
        await other.query('do release_all_locks()');
        await migrated;
        await store.close();
        const [rows] = await other.query(lock);
        expect(rows).toEqual([{ locked: 1 }]);
      });
    });

    test('as text makes the same tables, and the store accepts them', async () => {
      const [byText, byMigrate] = [await newDatabase(server), await newDatabase(server)];
      await byText.with(async (connection) => {
        for (const text of schemaSql(dialect).split(';\n')) {
          if (text.trim() !== '') await connection.query(text);
        }
      });
      await byMigrate.migrate();
      expect(await schemaOf(byText)).toEqual(await schemaOf(byMigrate));
      const store = byText.openStore();
      await store.verifySchema();
      await store.close();
    });
  });
}
