/** A server that ends connections at the worst moment. */
import { createServer, connect as dial, type Server } from 'node:net';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

/** What a server says to a connection that an administrator ends. */
const TERMINATED = fatal('57P01', 'terminating connection due to administrator command');

function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** `ReadyForQuery`, idle: the end of the handshake. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

describe.skipIf(server === undefined)('lost connections on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let relay: Server;
  /** How many handshakes are followed by the end of the connection, in the same packet. */
  let endings = 0;

  beforeAll(async () => {
    await database.create();
    const target = new URL(database.url);
    relay = createServer((client) => {
      const upstream = dial({ host: target.hostname, port: Number(target.port) });
      client.pipe(upstream);
      upstream.on('data', (data) => {
        if (endings > 0 && data.subarray(-READY.length).equals(READY)) {
          endings -= 1;
          client.end(Buffer.concat([data, TERMINATED]));
        } else client.write(data);
      });
      for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
      client.on('close', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', () => resolve()));
  });
  afterAll(async () => {
    await new Promise((resolve) => relay.close(resolve));
    await database.drop();
  });

  test('a connection that ends together with its handshake fails one call, not the process', async () => {
    const url = new URL(database.url);
    const address = relay.address();
    if (typeof address === 'object' && address) url.port = String(address.port);
    const pool = new Pool({ connectionString: url.href, max: 2 });
    const store = new DrizzleStateStore(drizzle(pool));
    endings = 1;
    await expect(store.migrate()).rejects.toThrow(/terminat|not queryable/);
    endings = 1;
    await expect(store.getRun('r')).rejects.toThrow(/terminat|not queryable/);
    await store.migrate();
    expect(await store.getRun('r')).toBeUndefined();
    await store.close();
    await pool.end();
  });
});
