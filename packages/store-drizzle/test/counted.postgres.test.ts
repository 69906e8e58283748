import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

/** How many statements the server has answered on the clients of a pool: of a text with several, each counts. */
function countStatements(pool: Pool): () => number {
  let count = 0;
  pool.on('connect', ({ connection }) => {
    for (const answer of ['commandComplete', 'emptyQuery', 'errorMessage']) {
      connection.on(answer, () => {
        count += 1;
      });
    }
  });
  return () => count;
}

describe.skipIf(server === undefined)(
  'the cost of a plain local step on PostgreSQL, counted',
  () => {
    const database = new PostgresDatabase(server ?? '');
    beforeAll(() => database.create());
    afterAll(() => database.drop());

    it('is a share of a statement, with all that the engine does beside it', async () => {
      const runs = 1_000;
      const steps = 5;
      const pool = new Pool({ connectionString: database.url });
      const counted = countStatements(pool);
      const engine = new DurableEngine({ store: new DrizzleStateStore(drizzle(pool)) });
      engine.registerWorkflow({
        name: 'five',
        version: '1',
        source: 'five',
        run: async (ctx) => {
          for (let i = 0; i < steps; i += 1) await ctx.step('noop', () => i);
        },
      });
      await engine.start();
      const before = counted();
      let next = 0;
      const lane = async () => {
        while (next < runs) {
          next += 1;
          const { runId } = await engine.startRun('five', null);
          await engine.waitForRun(runId);
        }
      };
      await Promise.all(Array.from({ length: 64 }, lane));
      const statements = counted() - before;
      await engine.stop();
      await pool.end();

      expect(statements / (runs * steps)).toBeLessThanOrEqual(0.15);
      // Less would be less than the commits of 64 steps at a time: the counter does not see everything.
      expect(statements).toBeGreaterThanOrEqual((runs * steps) / 64);
    });
  },
);
