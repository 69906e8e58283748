/** What the scenarios on SQLite share: a database on a file, and an engine on it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableEngine, type EngineOptions, type StateStore } from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { registerWorkloads } from './workloads.js';

/** A SQLite file of its own, removed at the end. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'durable-bench-'));
  readonly file = join(this.folder, 'bench.sqlite');
  private readonly handles: Database.Database[] = [];

  /** A store as an application makes it: over Drizzle, WAL, synchronous=FULL. */
  store(): StateStore {
    const handle = new Database(this.file);
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = FULL');
    this.handles.push(handle);
    return new DrizzleStateStore(drizzle({ client: handle }));
  }

  async engine(options: Omit<EngineOptions, 'store'> = {}): Promise<DurableEngine> {
    const engine = new DurableEngine({ store: this.store(), ...options });
    registerWorkloads(engine);
    await engine.start();
    return engine;
  }

  remove(): void {
    for (const handle of this.handles) handle.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
