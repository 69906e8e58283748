/** What a store says of a database that is not there yet, and of one that does not let it in. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createSystemRuntime, DurableEngine } from '@dudousxd/nestjs-durable-core';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle } from 'drizzle-orm/node-postgres';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const postgresUrl = inject('postgresUrl');
const mariadbUrl = inject('mariadbUrl');

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function failureOf(store: DrizzleStateStore): Promise<unknown> {
  return store.migrate().then(
    () => null,
    (error: unknown) => error,
  );
}

function mysqlStore(change: (url: URL) => void): DrizzleStateStore {
  const url = new URL(mariadbUrl ?? '');
  change(url);
  const pool = createPool({ uri: url.href, charset: 'utf8mb4' });
  onTestFinished(() => pool.end());
  return new DrizzleStateStore(drizzleMysql(pool));
}

describe.skipIf(postgresUrl === undefined)('PostgreSQL', () => {
  test('an engine that starts first waits for the server', async () => {
    const database = new PostgresDatabase(postgresUrl ?? '');
    await database.create();
    onTestFinished(() => database.drop());
    const target = new URL(database.url);
    const port = await freePort();
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    const pool = new Pool({ connectionString: url.href });
    onTestFinished(() => pool.end());
    const away = Promise.withResolvers<void>();
    const warn = (): void => away.resolve();
    const runtime = createSystemRuntime({ debug: warn, info: warn, warn, error: warn });
    const engine = new DurableEngine({ store: new DrizzleStateStore(drizzle(pool)), runtime });
    const started = engine.start();
    await away.promise;
    const proxy = createServer((socket) => {
      const upstream = connect(Number(target.port), target.hostname);
      socket.pipe(upstream).pipe(socket);
      for (const side of [socket, upstream]) side.on('error', () => socket.destroy());
    }).listen(port, '127.0.0.1');
    onTestFinished(() => void proxy.close());
    await started;
    await engine.stop();
  });

  test('an unknown database is not one that is away', async () => {
    const url = new URL(postgresUrl ?? '');
    url.pathname = '/no_such_database';
    const pool = new Pool({ connectionString: url.href });
    onTestFinished(() => pool.end());
    const store = new DrizzleStateStore(drizzle(pool));
    expect(store.isUnavailable(await failureOf(store))).toBe(false);
  });
});

describe.skipIf(mariadbUrl === undefined)('MariaDB', () => {
  test('a server that is not there is away', async () => {
    const port = await freePort();
    const store = mysqlStore((url) => {
      url.port = String(port);
    });
    expect(store.isUnavailable(await failureOf(store))).toBe(true);
  });

  test('an unknown database, or a wrong password, is not one that is away', async () => {
    const unknown = mysqlStore((url) => {
      url.pathname = '/no_such_database';
    });
    const stranger = mysqlStore((url) => {
      url.username = 'nobody';
      url.password = 'wrong';
    });
    for (const store of [unknown, stranger]) {
      const failure = await failureOf(store);
      expect(failure).not.toBeNull();
      expect(store.isUnavailable(failure)).toBe(false);
    }
  });
});
