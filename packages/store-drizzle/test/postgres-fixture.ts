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

/** A database for the fixtures of one test file; each fixture is a schema of its own in it. */
export class PostgresDatabase {
  readonly #server: string;
  readonly #name = `durable_${randomUUID().replaceAll('-', '')}`;
  #fixtures = 0;

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

  drop(): Promise<void> {
    return execute(this.#server, `drop database ${this.#name} with (force)`);
  }

  /** Stores in a new schema: the main one's statements go through a gate that can make one of them fail. */
  async createFixture(): Promise<StoreFixture> {
    this.#fixtures += 1;
    const schema = `fixture_${this.#fixtures}`;
    const gate = new PoolGate();
    let now = 0;
    const pools: Pool[] = [];
    const stores: StateStore[] = [];
    const open = (): StateStore => {
      const options = `-c search_path=${schema}`;
      const pool = new Pool({ connectionString: this.url, options, max: 4 });
      pools.push(pool);
      const store = new DrizzleStateStore(drizzle(pool), { now: () => now });
      stores.push(store);
      return store;
    };
    const store = open();
    await pools[0]?.query(`create schema ${schema}`);
    gate.watch(pools[0]);
    return {
      store,
      secondHandle: async () => open(),
      setNow: (at) => {
        now = at;
      },
      failAfterStatements: (n): StatementFault => gate.failAfter(n),
      dispose: async () => {
        for (const opened of stores) await opened.close();
        for (const pool of pools) await pool.end();
      },
    };
  }
}

/** Counts the statements of a pool's clients and makes one fail instead of being executed. */
class PoolGate {
  #left: number | null = null;
  #hasHit = false;

  watch(pool: Pool | undefined): void {
    // The pool has clients from before the gate.
    pool?.on('acquire', (client) => this.#guard(client));
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

  readonly #guarded = new WeakSet<object>();

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
