import { PoolLink } from '@dudousxd/nestjs-durable-store-sql';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

const server = inject('postgresUrl');

describe.skipIf(server === undefined)('statements that are kept prepared', () => {
  let pool: Pool;
  let link: PoolLink;
  const text = 'select $1::text as value';
  const send = async (): Promise<unknown> => (await link.statement('probe', text, ['x'])).rows[0];

  /** Names of the prepared statements, without what tells one store's from another's. */
  async function prepared(): Promise<readonly unknown[]> {
    const { rows } = await pool.query('select name from pg_prepared_statements order by name');
    return (rows as readonly { readonly name: string }[]).map(({ name }) =>
      name.replace(/^durable_[0-9a-f]+_/, 'durable_'),
    );
  }

  beforeAll(() => {
    pool = new Pool({ connectionString: server, max: 1 });
    link = new PoolLink(pool, 10_000);
  });
  afterAll(() => pool.end());

  test('are prepared anew after 10 and 100 uses: no plan stays while its tables grow', async () => {
    for (let use = 0; use < 10; use += 1) await send();
    expect(await prepared()).toEqual(['durable_probe_1']);
    for (let use = 0; use < 100; use += 1) await send();
    expect(await prepared()).toEqual(['durable_probe_2']);
    expect(await send()).toEqual({ value: 'x' });
    expect(await prepared()).toEqual(['durable_probe_3']);
  });

  test('of two stores on one pool do not take each other the names', async () => {
    const shared = new Pool({ connectionString: server, max: 1 });
    const links = [new PoolLink(shared, 10_000), new PoolLink(shared, 10_000)] as const;
    const use = (at: 0 | 1) => links[at].statement('probe', text, ['x']);
    await use(1);
    // Until it drops its first statement.
    for (let uses = 0; uses <= 10; uses += 1) await use(0);
    await use(1);
    const { rows } = await shared.query('select name from pg_prepared_statements');
    expect(rows).toHaveLength(2);
    await shared.end();
  });

  test('go without a name where a pooler gives every transaction another connection', async () => {
    await send();
    // What such a connection looks like: it knows none of the names.
    await pool.query('deallocate all');
    expect(await send()).toEqual({ value: 'x' });
    expect(await send()).toEqual({ value: 'x' });
    expect(await prepared()).toEqual([]);
  });

  test('go without a name on that connection alone', async () => {
    const client = await pool.connect();
    client.release(true);
    expect(await send()).toEqual({ value: 'x' });
    expect(await prepared()).toEqual(['durable_probe_1']);
    // Dropped by the application just before the store drops it.
    for (let use = 1; use < 10; use += 1) await send();
    await pool.query('deallocate all');
    expect(await send()).toEqual({ value: 'x' });
  });

  test('fail like any other', async () => {
    const broken = link.statement('broken', 'select 1 / $1::int as value', [0]);
    await expect(broken).rejects.toMatchObject({ code: '22012' });
    expect(await send()).toEqual({ value: 'x' });
  });
});
