import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateStore } from '@dudousxd/nestjs-durable-core';
import type { StatementFault, StoreFixture } from '@dudousxd/nestjs-durable-testing';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { DrizzleStateStore } from '../src/index.js';
import { makeScratchFolder } from './scratch.js';
import { StatementGate } from './statement-gate.js';

/** A clock that all handles of a fixture share. It stands still until it is set. */
class FixtureClock {
  #now = 0;

  readonly now = (): number => this.#now;

  set(now: number): void {
    this.#now = now;
  }
}

/** Stores over a file: the main one's statements go through a gate that can make one of them fail. */
export async function createFileFixture(): Promise<StoreFixture> {
  const folder = await makeScratchFolder();
  const file = join(folder, 'app.db');
  const clock = new FixtureClock();
  const gate = new StatementGate();
  const clients: Database.Database[] = [];
  const stores: StateStore[] = [];
  const open = (client: Database.Database): StateStore => {
    const store = new DrizzleStateStore(drizzle(client), { now: clock.now });
    clients.push(client);
    stores.push(store);
    return store;
  };
  return {
    store: open(gate.open(file)),
    secondHandle: async () => open(new Database(file)),
    setNow: (now) => clock.set(now),
    failAfterStatements: (n): StatementFault => gate.failAfter(n),
    dispose: async () => {
      for (const store of stores) await store.close();
      for (const client of clients) client.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A store on the one handle of a database in memory. */
export async function createMemoryFixture(): Promise<StoreFixture> {
  const clock = new FixtureClock();
  const client = new Database(':memory:');
  const store = new DrizzleStateStore(drizzle(client), { now: clock.now });
  return {
    store,
    setNow: (now) => clock.set(now),
    dispose: async () => {
      await store.close();
      client.close();
    },
  };
}
