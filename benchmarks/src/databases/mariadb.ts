import { randomUUID } from 'node:crypto';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { BenchDatabase, DatabaseKind } from './database.js';
import { MariaDbRaw } from './mariadb-raw.js';
import { serverUrl } from './servers.js';

/** MariaDB as the test services configure it: `innodb_flush_log_at_trx_commit` and `sync_binlog` are 1. */
export const mariadb: DatabaseKind = {
  name: 'mariadb',
  title: 'MariaDB',

  async open(): Promise<BenchDatabase | undefined> {
    const server = await serverUrl('mariadb');
    if (server === undefined) return undefined;
    const name = `bench_${randomUUID().replaceAll('-', '')}`;
    const operator = await createConnection(server);
    await operator.query(`create database ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    return {
      address: url.href,
      openRaw: () => MariaDbRaw.open(url.href),
      statements: statementCounter(operator),
      remove: async () => {
        await operator.query(`drop database ${name}`);
        await operator.end();
      },
    };
  },
};

/** The server's own count, less the questions that ask for it: nobody else is to use the server meanwhile. */
function statementCounter(operator: Connection): () => Promise<number> {
  let own = 0;
  return async () => {
    own += 1;
    const text = "show global status like 'Questions'";
    const [rows] = await operator.query<(RowDataPacket & { readonly Value: string })[]>(text);
    return Number(rows[0]?.Value) - own;
  };
}
