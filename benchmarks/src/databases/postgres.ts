import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { BenchDatabase, DatabaseKind } from './database.js';
import { countStatements } from './postgres-counter.js';
import { PostgresRaw } from './postgres-raw.js';
import { serverUrl } from './servers.js';

/** PostgreSQL as the test services configure it: fsync and synchronous_commit are on. */
export const postgres: DatabaseKind = {
  name: 'postgres',
  title: 'PostgreSQL',

  async open(): Promise<BenchDatabase | undefined> {
    const server = await serverUrl('postgres');
    if (server === undefined) return undefined;
    const name = `bench_${randomUUID().replaceAll('-', '')}`;
    await execute(server, `create database ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    const statements = countStatements();
    return {
      address: url.href,
      openRaw: () => PostgresRaw.open(url.href),
      statements: async () => statements(),
      // What a killed process has left connected does not keep it.
      remove: () => execute(server, `drop database ${name} with (force)`),
    };
  },
};

async function execute(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
