import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect } from 'vitest';
import { NAMESPACE } from '../store/build.js';
import type { TransactionTest } from './bench.js';
import { inOrder } from './fixture.js';

/** What is expected to fail, or may: a test looks at it later. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** What the function of a transaction has not awaited, and does when it is over; and what others have left behind. */
export function describeLeftBehind(storeTest: TransactionTest): void {
  describe('what is left behind', () => {
    storeTest('a nested transaction that is still open: nothing is written', async (bench) => {
      const { insert, nest } = bench.fixture;
      if (!nest) return;
      const run = await bench.start();
      const fail = Promise.withResolvers<never>();
      let nested: Promise<unknown> = Promise.resolve();
      const outcome = bench.transact(run, async (tx) => {
        await insert(tx, 'paid');
        const begun = Promise.withResolvers<void>();
        nested = quiet(
          nest(tx, async (inner) => {
            await insert(inner, 'optional');
            begun.resolve();
            await fail.promise;
          }),
        );
        await begun.promise;
        return '"done"';
      });
      await expect(outcome).rejects.toMatchObject({ code: 'TRANSACTION_BROKEN' });
      fail.reject(new Error('too late'));
      await expect(nested).rejects.toThrow();
      expect(await bench.fixture.rows()).toEqual([]);
      expect(await bench.arrivals(run.id)).toEqual([]);
      // Nor is a lock left, or a savepoint.
      const again = await bench.transact(run, bench.inserting('paid'), { attempt: 2 });
      expect(again).toMatchObject({ outcome: 'committed' });
    });

    storeTest('a nested transaction that was awaited is a part of it', async (bench) => {
      const { insert, nest } = bench.fixture;
      if (!nest) return;
      const run = await bench.start();
      const outcome = await bench.transact(run, async (tx) => {
        await nest(tx, (inner) => nest(inner, async (inmost) => insert(inmost, 'kept')));
        const undone = nest(tx, async (inner) => {
          await insert(inner, 'undone');
          throw new Error('changed my mind');
        });
        await expect(undone).rejects.toThrow('changed my mind');
        return '"done"';
      });
      expect(outcome).toMatchObject({ outcome: 'committed' });
      expect(await bench.fixture.rows()).toEqual(['kept']);
    });

    storeTest('a statement that comes after the end gets into no transaction', async (bench) => {
      const { insert, synchronous } = bench.fixture;
      const [first, second] = [await bench.start(), await bench.start()];
      const over = Promise.withResolvers<void>();
      let late: Promise<unknown> = Promise.resolve();
      const outcome = await bench.transact(first, (tx) => {
        late = quiet(over.promise.then(() => insert(tx, 'late')));
        return inOrder([() => insert(tx, 'paid')], '"done"');
      });
      expect(outcome).toMatchObject({ outcome: 'committed' });
      // It comes while the next one has the connection.
      const next = bench.transact(second, (tx) => {
        over.resolve();
        const tried = synchronous ? null : late.catch(() => null);
        return inOrder([() => tried, () => insert(tx, 'next')], '"done"');
      });
      expect(await next).toMatchObject({ outcome: 'committed' });
      await expect(late).rejects.toThrow();
      expect(await bench.fixture.rows()).toEqual(['next', 'paid']);
    });

    storeTest('a nested transaction that comes after the end gets into none', async (bench) => {
      const { insert, nest } = bench.fixture;
      if (!nest) return;
      const [first, second] = [await bench.start(), await bench.start()];
      let tx: unknown;
      await bench.transact(first, async (given) => {
        tx = given;
        await insert(tx, 'paid');
        return '"done"';
      });
      const next = bench.transact(second, async (own) => {
        await insert(own, 'next');
        await expect(nest(tx, async (inner) => insert(inner, 'late'))).rejects.toThrow();
        return '"done"';
      });
      expect(await next).toMatchObject({ outcome: 'committed' });
      expect(await bench.fixture.rows()).toEqual(['next', 'paid']);
    });

    storeTest('one that outlives its nested transaction cannot use it any more', async (bench) => {
      const { insert, nest } = bench.fixture;
      if (!nest) return;
      const [first, second] = [await bench.start(), await bench.start()];
      let stale: unknown;
      await bench.transact(first, async (tx) => {
        await nest(tx, async (inner) => {
          stale = inner;
          await insert(inner, 'paid');
        });
        return '"done"';
      });
      const next = bench.transact(second, async (own) => {
        await insert(own, 'next');
        await expect((async () => insert(stale, 'late'))()).rejects.toThrow();
        const send = async () => bench.store.signalIn(stale, []);
        await expect(send()).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
        return '"done"';
      });
      expect(await next).toMatchObject({ outcome: 'committed' });
      expect(await bench.fixture.rows()).toEqual(['next', 'paid']);
    });

    storeTest('a statement that comes while it is rolled back is not written', async (bench) => {
      const { insert } = bench.fixture;
      const [run, next] = [await bench.start(), await bench.start()];
      let late: Promise<unknown> = Promise.resolve();
      const work = (tx: unknown) => {
        late = quiet(
          (async () => {
            await insert(tx, 'first');
            await insert(tx, 'late');
          })(),
        );
        throw new Error('changed my mind');
      };
      await expect(bench.transact(run, work)).rejects.toThrow('changed my mind');
      await bench.transact(next, bench.inserting('next'));
      await expect(late).rejects.toThrow();
      expect(await bench.fixture.rows()).toEqual(['next']);
    });

    storeTest(
      'a statement that comes while the checkpoint is written is refused',
      async (bench) => {
        const { insert } = bench.fixture;
        const run = await bench.start();
        let tx: unknown;
        let late: Promise<unknown> = Promise.resolve();
        const work = (given: unknown) => {
          tx = given;
          return inOrder([() => insert(tx, 'paid')], '"done"');
        };
        const asFunction = AsyncLocalStorage.snapshot();
        // Asked for when the function is done. The statement would fail the transaction.
        const now = () => {
          late = quiet(asFunction(async () => insert(tx, 'paid')));
          return Date.now();
        };
        const outcome = await bench.transact(run, work, { now });
        expect(outcome).toMatchObject({ outcome: 'committed' });
        await expect(late).rejects.toThrow();
        expect(await bench.fixture.rows()).toEqual(['paid']);
        expect(await bench.arrivals(run.id)).toHaveLength(1);
      },
    );

    storeTest('statements that nobody awaits are committed with it, or refused', async (bench) => {
      const { insert, synchronous } = bench.fixture;
      if (synchronous) return;
      for (let pauses = 0; pauses < 12; pauses += 1) {
        const run = await bench.start();
        const ids = ['a', 'b', 'c'].map((name) => `${run.id}-${name}`);
        const calls: Promise<unknown>[] = [];
        const [outcome] = await Promise.allSettled([
          bench.transact(run, async (tx) => {
            const all = (async () => {
              for (const id of ids) {
                const call = Promise.resolve(insert(tx, id));
                calls.push(quiet(call));
                await call;
              }
            })();
            void quiet(all);
            for (let n = 0; n < pauses; n += 1) await null;
            return '"done"';
          }),
        ]);
        await Promise.allSettled(calls.map((call) => call.then(() => null)));
        const settled = await Promise.allSettled(calls);
        const written = ids.filter((_, index) => settled[index]?.status === 'fulfilled');
        const hasCommitted = outcome?.status === 'fulfilled';
        const rows = (await bench.fixture.rows()).filter((id) => ids.includes(id));
        expect(rows).toEqual(hasCommitted ? written : []);
        expect(await bench.arrivals(run.id)).toHaveLength(hasCommitted ? 1 : 0);
        if (!hasCommitted)
          expect(outcome).toMatchObject({ reason: { code: 'TRANSACTION_BROKEN' } });
      }
    });

    storeTest('a signal that nobody awaits is sent whole, or not at all', async (bench) => {
      const { synchronous } = bench.fixture;
      if (synchronous) return;
      for (let pauses = 0; pauses < 12; pauses += 1) {
        const run = await bench.start();
        const signal = { namespace: NAMESPACE, token: run.id, id: run.id, payload: '1' };
        let sent: Promise<unknown> = Promise.resolve();
        const [outcome] = await Promise.allSettled([
          bench.transact(run, async (tx) => {
            sent = quiet((async () => bench.store.signalIn(tx, [{ ...signal, ttlMs: 60_000 }]))());
            for (let n = 0; n < pauses; n += 1) await null;
            return '"done"';
          }),
        ]);
        const [answer] = await Promise.allSettled([sent]);
        const hasCommitted = outcome?.status === 'fulfilled';
        const isThere = hasCommitted && answer?.status === 'fulfilled';
        expect(await bench.store.sweepOutbox(10)).toMatchObject({ moved: isThere ? 1 : 0 });
        if (!hasCommitted)
          expect(outcome).toMatchObject({ reason: { code: 'TRANSACTION_BROKEN' } });
      }
    });

    storeTest('a start that comes after the end is refused', async (bench) => {
      const run = await bench.start();
      const over = Promise.withResolvers<void>();
      let late: Promise<unknown> = Promise.resolve();
      await bench.transact(run, (tx) => {
        late = quiet(over.promise.then(() => bench.store.signalIn(tx, [])));
        return '"done"';
      });
      over.resolve();
      await expect(late).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
    });

    storeTest('a transaction of others on its connection is not committed', async (bench) => {
      const { leaveOpen } = bench.fixture;
      if (!leaveOpen) return;
      for (const more of [undefined, 'select 1 / 0']) {
        const run = await bench.start();
        await leaveOpen('leaked', more);
        const outcome = await bench.transact(run, bench.inserting(run.id));
        expect(outcome).toMatchObject({ outcome: 'committed' });
        expect(await bench.fixture.rows()).not.toContain('leaked');
        expect(await bench.fixture.rows()).toContain(run.id);
      }
    });
  });
}
