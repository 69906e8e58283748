import { randomUUID } from 'node:crypto';
import { createConnection, createPool, type Pool, type RowDataPacket } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import { MySqlExecutor, migrateSchema, SqlStateStore } from '../../src/index.js';

/** A database of its own on MySQL or MariaDB, with the schema, until `drop`. */
export class MySqlDatabase {
  readonly url: string;
  readonly #server: string;
  readonly #name: string;
  readonly #pools: Pool[] = [];

  private constructor(server: string, name: string) {
    const url = new URL(server);
    url.pathname = `/${name}`;
    this.url = url.href;
    this.#server = server;
    this.#name = name;
  }

  /** @param server URL of a server whose user may create databases */
  static async create(server: string): Promise<MySqlDatabase> {
    const name = `durable_${randomUUID().replaceAll('-', '')}`;
    await withConnection(server, (connection) => connection.query(`create database ${name}`));
    return new MySqlDatabase(server, name);
  }

  async migrate(): Promise<void> {
    const executor = new MySqlExecutor({ pool: this.openPool() });
    await migrateSchema(executor);
    await executor.close();
  }

  /** A pool that `drop` ends. */
  openPool(options: Parameters<typeof createPool>[0] & object = {}): Pool {
    const pool = createPool({ uri: this.url, connectionLimit: 4, ...options });
    this.#pools.push(pool);
    return pool;
  }

  openStore(
    options: Omit<ConstructorParameters<typeof MySqlExecutor>[0], 'pool'> = {},
  ): SqlStateStore {
    return storeOn(new MySqlExecutor({ pool: this.openPool(), ...options }));
  }

  /** Works on a connection that is none of a pool's. */
  with<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return withConnection(this.url, work);
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const [rows] = await this.with((connection) =>
      connection.query<RowDataPacket[]>(text, [...values]),
    );
    return rows as Row[];
  }

  async drop(): Promise<void> {
    for (const pool of this.#pools) await pool.promise().end();
    await withConnection(this.#server, (connection) =>
      connection.query(`drop database ${this.#name}`),
    );
  }
}

export function storeOn(executor: MySqlExecutor): SqlStateStore {
  const capabilities = { durable: true, shared: true, writeLanes: 2, hints: false };
  return new SqlStateStore(executor, { name: 'test', capabilities });
}

async function withConnection<T>(url: string, work: (it: Connection) => Promise<T>): Promise<T> {
  const connection = createConnection(url).promise();
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}
