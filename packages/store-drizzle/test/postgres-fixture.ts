import { randomUUID } from 'node:crypto';
import type { StateStore } from '@dudousxd/nestjs-durable-core';
import type { StatementFault, StoreFixture } from '@dudousxd/nestjs-durable-testing';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Client, Pool } from 'pg';
import { DrizzleStateStore } from '../src/index.js';

/** Runs one statement on a connection of its own. */
async function execute(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/**
 * A database for the fixtures of one test file. A fixture has a schema and connections of its own for as long as it
 * lives; then they are emptied and lent again: making them takes longer than most tests.
 */
export class PostgresDatabase {
  readonly #server: string;
  readonly #name = `durable_${randomUUID().replaceAll('-', '')}`;
  readonly #all: Place[] = [];
  readonly #free: Place[] = [];

  /** @param server URL of a database whose user may create others */
  constructor(server: string) {
    this.#server = server;
  }

  get url(): string {
    const url = new URL(this.#server);
    url.pathname = `/${this.#name}`;
    return url.href;
  }

  create(): Promise<void> {
    return execute(this.#server, `create database ${this.#name}`);
  }

  async drop(): Promise<void> {
    for (const place of this.#all) await place.end();
    await execute(this.#server, `drop database ${this.#name}`);
  }

  /** Stores in a schema: the main one's statements go through a gate that can make one of them fail. */
  async createFixture(): Promise<StoreFixture> {
    const place = this.#free.pop() ?? (await this.#add());
    let now = 0;
    const stores: StateStore[] = [];
    const open = (): StateStore => {
      const pool = place.pool(stores.length);
      const store = new DrizzleStateStore(drizzle(pool), { now: () => now });
      stores.push(store);
      return store;
    };
    return {
      store: open(),
      secondHandle: async () => open(),
      setNow: (at) => {
        now = at;
      },
      failAfterStatements: (n): StatementFault => place.gate.failAfter(n),
      dispose: async () => {
        for (const opened of stores) await opened.close();
        await place.empty();
        this.#free.push(place);
      },
    };
  }

  async #add(): Promise<Place> {
    const { url } = this;
    const place = new Place(url, `fixture_${this.#all.length + 1}`);
    this.#all.push(place);
    await execute(url, `create schema ${place.schema}`);
    return place;
  }
}

/** A schema, and pools of connections to it. */
class Place {
  readonly schema: string;
  /** Of the first pool. */
  readonly gate = new PoolGate();
  readonly #url: string;
  readonly #pools: Pool[] = [];

  constructor(url: string, schema: string) {
    this.#url = url;
    this.schema = schema;
  }

  pool(index: number): Pool {
    const known = this.#pools[index];
    if (known) return known;
    const options = `-c search_path=${this.schema}`;
    const pool = new Pool({ connectionString: this.#url, options, max: 4, idleTimeoutMillis: 0 });
    if (index === 0) this.gate.watch(pool);
    this.#pools[index] = pool;
    return pool;
  }

  async empty(): Promise<void> {
    const pool = this.pool(0);
    const { rows } = await pool.query<{ readonly name: string }>(
      "select tablename as name from pg_tables where schemaname = $1 and tablename <> 'durable_schema'",
      [this.schema],
    );
    await pool.query(rows.map(({ name }) => `delete from ${name};`).join(' '));
  }

  async end(): Promise<void> {
    for (const pool of this.#pools) await pool.end();
  }
}

/** Counts the statements of a pool's clients and makes one fail instead of being executed. */
class PoolGate {
  #left: number | null = null;
  #hasHit = false;
  readonly #guarded = new WeakSet<object>();

  watch(pool: Pool): void {
    pool.on('acquire', (client) => this.#guard(client));
  }

  /** Lets `n` more statements through and makes the next one throw, once. */
  failAfter(n: number): StatementFault {
    this.#left = n;
    this.#hasHit = false;
    return {
      hasHit: () => this.#hasHit,
      disarm: () => {
        this.#left = null;
      },
    };
  }

  #guard(client: { query: unknown }): void {
    if (this.#guarded.has(client)) return;
    this.#guarded.add(client);
    const { query } = client;
    if (typeof query !== 'function') throw new Error('a client without query()');
    client.query = (...args: unknown[]): unknown => {
      if (this.#fails()) return Promise.reject(new Error('injected fault: not executed'));
      return Reflect.apply(query, client, args);
    };
  }

  #fails(): boolean {
    if (this.#left === null) return false;
    if (this.#left > 0) {
      this.#left -= 1;
      return false;
    }
    this.#left = null;
    this.#hasHit = true;
    return true;
  }
}
