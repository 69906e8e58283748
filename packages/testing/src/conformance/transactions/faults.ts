import { describe, expect } from 'vitest';
import { inOrder } from './fixture.js';
import type { EngineTest } from './workflows.js';

/** More statements than the workflow takes, whatever the database. */
const MAX_STATEMENTS = 150;

/** A statement fails, one after the other: of the body, of the checkpoint, of COMMIT, of the turns around them. */
export function describeTransactionFaults(engineTest: EngineTest): void {
  describe('a statement that fails', () => {
    engineTest('neither loses a transaction nor lets it happen twice', async (bench, engines) => {
      const { fixture } = bench;
      const { failAfterStatements } = fixture;
      if (!failAfterStatements) return;
      let bodies = 0;
      const engine = await engines.start(
        bench.store,
        async (ctx, id: string) => {
          const first = await ctx.transaction(
            'first',
            (tx) => {
              bodies += 1;
              return inOrder([() => fixture.insert(tx, `${id}-first`)], `${id}-first`);
            },
            { retries: 5 },
          );
          const second = await ctx.transaction(
            'second',
            (tx) => inOrder([() => fixture.insert(tx, `${id}-second`)], `${id}-second`),
            { retries: 5 },
          );
          return [first, second];
        },
        { worker: { lease: 10_000, maxPoll: 5 } },
      );
      const expected: string[] = [];
      let hits = 0;
      for (let n = 0; n < MAX_STATEMENTS; n += 1) {
        const id = `run-${String(n).padStart(3, '0')}`;
        const fault = failAfterStatements(n);
        const { runId } = await engine.startRun('wf', id, { runId: id });
        const result = await engine.waitForRun(runId, { timeout: '10s' });
        fault.disarm();
        if (fault.hasHit()) hits += 1;
        expect(result, `with a fault after ${n} statements`).toMatchObject({
          output: [`${id}-first`, `${id}-second`],
        });
        expected.push(`${id}-first`, `${id}-second`);
      }
      expect(await fixture.rows()).toEqual(expected);
      expect(hits).toBeGreaterThan(10);
      expect(bodies).toBeGreaterThan(MAX_STATEMENTS);
    });
  });
}
