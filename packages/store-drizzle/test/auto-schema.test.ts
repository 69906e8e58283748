import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { describe, expect, it } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

describe('autoSchema: false', () => {
  it('refuses to start without the schema, saying what to do, and starts once it is there', async () => {
    const handle = new Database(':memory:');
    const engineOn = () =>
      new DurableEngine({
        store: new DrizzleStateStore(drizzle({ client: handle })),
        autoSchema: false,
      });
    await expect(engineOn().start()).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringContaining('schemaSql()'),
    });
    await new DrizzleStateStore(drizzle({ client: handle })).migrate();
    const engine = engineOn();
    await engine.start();
    expect((await engine.listRuns()).runs).toEqual([]);
    await engine.stop();
  });
});
