/** PostgreSQL through the client alone: what comes back, how failures look, and that nobody waits for ever. */
import { PostgresExecutor, StoreBusyError } from '@dudousxd/nestjs-durable-store-sql';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { PrismaLink } from '../src/prisma-link.js';
import { postgresClient } from './clients.js';

const server = inject('postgresUrl');
const WRITE = { begin: '', isolationLevel: 'ReadCommitted' } as const;

describe.skipIf(server === undefined)('PostgreSQL through Prisma alone', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let prisma: ReturnType<typeof postgresClient>;

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url, max: 3 });
    prisma = postgresClient(pool);
    await pool.query('create table notes (id int primary key, text text)');
  });
  afterAll(async () => {
    await prisma.$disconnect();
    await pool.end();
    await database.drop();
  });

  /** How an executor sees the failure of a statement. */
  async function failureOf(link: PrismaLink, text: string) {
    const executor = new PostgresExecutor({ connect: () => link });
    const error = await link.statement('', text).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { code: (error as { code?: string }).code, kind: executor.classify(error), error };
  }

  test('integers are numbers, the rest is text or null, and rows keep their order', async () => {
    const link = new PrismaLink(prisma, 5000);
    const { rows } = await link.statement(
      '',
      'select i.n, i.t, $3::bigint as big, $4::text as nothing, pg_advisory_xact_lock(1)::text as locked ' +
        'from unnest($1::bigint[], $2::text[]) as i(n, t)',
      [[2 ** 52, -1], ['a"\\,{}\n', null], 1e12, null],
    );
    const rest = { big: 1e12, nothing: null, locked: '' };
    expect(rows).toEqual([
      { n: 2 ** 52, t: 'a"\\,{}\n', ...rest },
      { n: -1, t: null, ...rest },
    ]);
  });

  test.each([
    ['23505', 'refused'],
    ['22P02', 'refused'],
    ['22003', 'refused'],
    ['54000', 'refused'],
    ['40001', 'unavailable'],
    ['40P01', 'unavailable'],
    ['55P03', 'unavailable'],
    ['57P01', 'unavailable'],
    ['53300', 'unavailable'],
    ['42703', 'other'],
  ])('the server’s error %s is seen, and is %s', async (code, kind) => {
    const text = `do $$ begin raise exception using errcode = '${code}', message = 'no'; end $$`;
    expect(await failureOf(new PrismaLink(prisma, 5000), text)).toMatchObject({ code, kind });
  });

  test('an error of COMMIT rejects the transaction', async () => {
    await pool.query(
      'create table parents (id int primary key); ' +
        'create table children (p int references parents deferrable initially deferred)',
    );
    const link = new PrismaLink(prisma, 5000);
    const writing = link.transaction(WRITE, (send) => send('insert into children values (1)'));
    await expect(writing).rejects.toMatchObject({ code: '23503' });
    expect((await pool.query('select * from children')).rows).toEqual([]);
  });

  test('a transaction has the level that was asked for, and rolls back with what its work throws', async () => {
    const link = new PrismaLink(prisma, 5000);
    const level = (isolationLevel: 'ReadCommitted' | 'RepeatableRead') =>
      link.transaction({ begin: '', isolationLevel }, async (send, opening) => {
        expect(opening).toEqual([]);
        return (await send('show transaction isolation level')).rows;
      });
    expect(await level('ReadCommitted')).toEqual([{ transaction_isolation: 'read committed' }]);
    expect(await level('RepeatableRead')).toEqual([{ transaction_isolation: 'repeatable read' }]);
    const mine = new Error('mine');
    const failing = link.transaction(WRITE, async (send) => {
      await send("insert into notes values (1, 'a')");
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
    expect(await prisma.note.count()).toBe(0);
  });

  test('a connection that is terminated is unavailable, and the next one works', async () => {
    const link = new PrismaLink(prisma, 5000);
    const executor = new PostgresExecutor({ connect: () => link });
    const error: unknown = await link
      .transaction(WRITE, async (send) => {
        const { rows } = await send('select pg_backend_pid() as pid');
        const [{ pid } = { pid: 0 }] = rows as readonly { readonly pid: number }[];
        await pool.query('select pg_terminate_backend($1)', [pid]);
        await send('select 1');
      })
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(executor.classify(error)).toBe('unavailable');
    expect(await link.statement('', 'select 1 as one')).toMatchObject({
      rows: [{ one: 1 }],
    });
  });

  test('a lock that is not had in time is StoreBusyError', async () => {
    await pool.query("insert into notes values (7, 'a')");
    const holder = await pool.connect();
    await holder.query('begin; update notes set id = id where id = 7');
    const executor = new PostgresExecutor({
      connect: (timeoutMs) => new PrismaLink(prisma, timeoutMs),
      busyTimeoutMs: 50,
    });
    const writing = executor.write(function* () {
      yield { op: 'define', text: "update notes set text = 'b' where id = 7" };
    });
    await expect(writing).rejects.toThrow(StoreBusyError);
    await holder.query('rollback');
    holder.release();
    await executor.close();
  });

  test('a statement that is not answered is given up, and so is the end of its transaction', async () => {
    const link = new PrismaLink(prisma, 100);
    const executor = new PostgresExecutor({ connect: () => link });
    const given = link.transaction(WRITE, (send) => send('select pg_sleep(30)::text'));
    await expect(given).rejects.toMatchObject({ code: '08006' });
    await expect(given.catch((error: unknown) => executor.classify(error))).resolves.toBe(
      'unavailable',
    );
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%'",
    );
  });

  test('a pool without a free connection is given up', async () => {
    const busy = new Pool({ connectionString: database.url, max: 1 });
    const client = postgresClient(busy);
    const held = await busy.connect();
    const link = new PrismaLink(client, 100);
    const waiting = link.transaction(WRITE, (send) => send('select 1'));
    await expect(waiting).rejects.toMatchObject({ code: '08006' });
    held.release();
    await client.$disconnect();
    await busy.end();
  });

  test('a server that is not there is unavailable', async () => {
    const nowhere = new Pool({ host: '127.0.0.1', port: 1 });
    const client = postgresClient(nowhere);
    const link = new PrismaLink(client, 1000);
    const executor = new PostgresExecutor({ connect: () => link });
    expect((await failureOf(link, 'select 1')).kind).toBe('unavailable');
    const error: unknown = await link
      .transaction(WRITE, (send) => send('select 1'))
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(executor.classify(error)).toBe('unavailable');
    await client.$disconnect();
    await nowhere.end();
  });
});
