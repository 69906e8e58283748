import type { StateStore } from '@dudousxd/nestjs-durable-core';
import { describe, expect, test } from 'vitest';
import { StoreBench } from './bench.js';
import { buildEvent, buildTurn, completed, START, suspended } from './build.js';
import { dumpStore } from './dump.js';
import { FAULT_CASES, type FaultCase } from './fault-cases.js';
import type { StoreFactory, StoreFixture } from './fixture.js';
import { createModel } from './model.js';
import { normalize } from './normalize.js';

/** More statements than any verb needs in these cases: reaching it means that the fault never hits. */
const MAX_STATEMENTS = 200;

/** A fixture in which everything is ready for the operation of the case. */
async function prepare(
  fixture: StoreFixture,
  { prepare: setUp }: FaultCase,
): Promise<(store: StateStore) => Promise<unknown>> {
  await fixture.setNow?.(START);
  await fixture.store.migrate();
  const bench = new StoreBench(fixture, (reason) => {
    throw new Error(reason);
  });
  return setUp(bench);
}

async function dump({ store }: StoreFixture): Promise<unknown> {
  return normalize(await dumpStore(store, { tokens: ['cmd', 'other'] }));
}

/** What the store looks like before and after the operation, by the model. */
async function expectedDumps(faultCase: FaultCase): Promise<{ before: unknown; after: unknown }> {
  const model = createModel();
  const operate = await prepare(model, faultCase);
  const before = await dump(model);
  await operate(model.store);
  return { before, after: await dump(model) };
}

/** Runs the operation with its statement number `n` failing; returns whether there was such a statement. */
async function tryWithFault(
  fixture: StoreFixture,
  faultCase: FaultCase,
  n: number,
): Promise<boolean> {
  const operate = await prepare(fixture, faultCase);
  const { before, after } = await expectedDumps(faultCase);
  expect(await dump(fixture)).toEqual(before);
  const fault = fixture.failAfterStatements?.(n);
  if (!fault) throw new Error('the fixture says that it injects faults, and cannot');
  const failure = await operate(fixture.store).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const hasHit = fault.hasHit();
  fault.disarm();
  await fixture.whenSettled?.();
  const left = await dump(fixture);
  expect([before, after], `after a fault at statement ${n + 1}`).toContainEqual(left);
  if (!failure) expect(left).toEqual(after);
  // What the caller does next: the same again.
  await operate(fixture.store);
  expect(await dump(fixture)).toEqual(after);
  return hasHit;
}

/** Commits three turns in one batch with statement number `n` failing; returns whether there was such a statement. */
async function tryBatchWithFault(fixture: StoreFixture, n: number): Promise<boolean> {
  await fixture.setNow?.(START);
  await fixture.store.migrate();
  const bench = new StoreBench(fixture, () => {});
  const runs = [await bench.start(), await bench.start(), await bench.start()];
  const changes = [null, completed(), suspended(START + 5)];
  const statuses = ['running', 'completed', 'suspended'];
  const turns = runs.map((run, i) =>
    buildTurn(run, { events: [buildEvent(1)], change: changes[i] ?? null }),
  );
  const look = async (): Promise<unknown[][]> =>
    Promise.all(
      runs.map(async ({ id }) => {
        return [(await bench.requireRun(id)).status, (await bench.history(id)).length];
      }),
    );
  const fault = fixture.failAfterStatements?.(n);
  const answers = await fixture.store.commit(turns).catch(() => []);
  const hasHit = fault?.hasHit() ?? false;
  fault?.disarm();
  await fixture.whenSettled?.();
  for (const [i, state] of (await look()).entries()) {
    const done = [statuses[i], 1];
    if (answers[i]?.outcome === 'committed') expect(state).toEqual(done);
    else expect([['running', 0], done]).toContainEqual(state);
  }
  const again = await fixture.store.commit(turns);
  expect(again.map(({ outcome }) => outcome)).toEqual(turns.map(() => 'committed'));
  expect(await look()).toEqual(statuses.map((status) => [status, 1]));
  return hasHit;
}

/** T1 where a store needs several statements: whichever of them fails, all of the operation is there, or nothing. */
export function describeFaults({
  create,
  injectsFaults = false,
  faultStride = 1,
}: StoreFactory): void {
  if (!injectsFaults) return;
  describe('faults between statements', () => {
    const atEachStatement = async (
      attempt: (fixture: StoreFixture, n: number) => Promise<boolean>,
    ): Promise<void> => {
      const hits = async (n: number): Promise<boolean> => {
        const fixture = await create();
        try {
          return await attempt(fixture, n);
        } finally {
          await fixture.dispose();
        }
      };
      let n = 0;
      while (n < MAX_STATEMENTS && (await hits(n))) n += faultStride;
      expect(n, 'the fault never hit').toBeGreaterThan(0);
      expect(n).toBeLessThan(MAX_STATEMENTS);
      // The end of the operation, which the last stride has passed over: its COMMIT is the last of all.
      for (let end = n - faultStride + 1; end < n; end += 1) await hits(end);
    };

    for (const faultCase of FAULT_CASES) {
      test(
        `${faultCase.name}: all or nothing, and the next try succeeds`,
        { timeout: 60_000 },
        () => atEachStatement((fixture, n) => tryWithFault(fixture, faultCase, n)),
      );
    }

    test(
      'commit (batch): each turn all or nothing, and the next try succeeds',
      {
        timeout: 60_000,
      },
      () => atEachStatement(tryBatchWithFault),
    );
  });
}
