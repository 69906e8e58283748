import type { TransactionOutcome } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { buildEvent, buildTurn, failed, suspended } from '../store/build.js';
import type { TransactionTest } from './bench.js';

/** What PostgreSQL says of a transaction that it has rolled back over another. */
const CONFLICT = Object.assign(new Error('could not serialize access'), { code: '40001' });

function arrivalOf(outcome: TransactionOutcome) {
  if (outcome.outcome !== 'committed' && outcome.outcome !== 'recorded') {
    throw new Error(`the transaction was ${outcome.outcome}`);
  }
  return outcome.arrival;
}

/** The verb `transaction`: the application's writes and the checkpoint are there together, or neither is. */
export function describeCheckpoints(storeTest: TransactionTest): void {
  describe('transaction', () => {
    storeTest('commits what the body wrote with its checkpoint', async (bench) => {
      expect(bench.store.capabilities.transactions).toBe(true);
      const run = await bench.start();
      const outcome = await bench.transact(run, bench.inserting('a', 'b'), { position: 3 });
      const arrival = arrivalOf(outcome);
      expect(outcome.outcome).toBe('committed');
      expect(arrival).toMatchObject({
        type: 'inbox',
        body: {
          ...{ kind: 'transaction', position: 3, name: 'pay', cause: 0, attempt: 1 },
          ...{ payload: '"done"', startedAt: 5 },
        },
      });
      expect(await bench.fixture.rows()).toEqual(['a', 'b']);
      expect(await bench.arrivals(run.id)).toEqual([arrival]);
      const events = [buildEvent(1)];
      const turn = buildTurn(run, { events, consumedInbox: [arrival.messageId] });
      expect(await bench.store.commit([turn])).toMatchObject([{ outcome: 'committed' }]);
      expect(await bench.arrivals(run.id)).toEqual([]);
      // Sent again, it is recognised.
      expect(await bench.store.commit([turn])).toMatchObject([{ outcome: 'committed' }]);
    });

    storeTest('that fails leaves nothing', async (bench) => {
      const run = await bench.start();
      const insert = bench.inserting('a');
      const fail = (): never => {
        throw new Error('no funds');
      };
      const work = (tx: unknown) => {
        const inserted = insert(tx);
        return inserted instanceof Promise ? inserted.then(fail) : fail();
      };
      await expect(bench.transact(run, work)).rejects.toThrow('no funds');
      expect(await bench.fixture.rows()).toEqual([]);
      expect(await bench.arrivals(run.id)).toEqual([]);
    });

    storeTest('of an owner that has lost the run is rolled back', async (bench) => {
      const run = await bench.start();
      expect(await bench.store.releaseRun(run.id, 'w1', run.epoch)).toBe(true);
      for (const request of [{}, { epoch: run.epoch + 1 }, { worker: 'w2' }, { runId: 'nobody' }]) {
        const outcome = await bench.transact(run, bench.inserting('a'), request);
        expect(outcome).toEqual({ outcome: 'fenced' });
      }
      expect(await bench.fixture.rows()).toEqual([]);
      expect(await bench.arrivals(run.id)).toEqual([]);
    });

    storeTest('is fenced by what happens to the run while the body runs', async (bench) => {
      if (bench.fixture.oneWriter) return;
      const run = await bench.start();
      const other = await bench.fixture.secondStore();
      const insert = bench.inserting('a');
      const work = async (tx: unknown) => {
        // Nothing of the body holds the run: whoever takes it does not wait.
        expect(await other.releaseRun(run.id, 'w1', run.epoch)).toBe(true);
        return insert(tx);
      };
      expect(await bench.transact(run, work)).toEqual({ outcome: 'fenced' });
      expect(await bench.fixture.rows()).toEqual([]);
    });

    storeTest('commits once for each operation of a branch', async (bench) => {
      const run = await bench.start();
      const first = await bench.transact(run, bench.inserting('a'));
      const again = await bench.transact(run, bench.inserting('b'), { attempt: 2 });
      expect(again).toEqual({ outcome: 'recorded', arrival: arrivalOf(first) });
      expect(await bench.transact(run, bench.inserting('c'), { position: 2 })).toMatchObject({
        outcome: 'committed',
      });
      expect(await bench.fixture.rows()).toEqual(['a', 'c']);
      expect(await bench.arrivals(run.id)).toHaveLength(2);
    });

    storeTest('of which two run at once commits once', async (bench) => {
      const run = await bench.start();
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'd'].map((id) => bench.transact(run, bench.inserting(id))),
      );
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
        ...['committed', 'recorded', 'recorded', 'recorded'],
      ]);
      expect(await bench.fixture.rows()).toHaveLength(1);
      expect(await bench.arrivals(run.id)).toHaveLength(1);
    });

    storeTest('that nobody waits for any more is rolled back', async (bench) => {
      const run = await bench.start();
      const late = await bench.transact(run, bench.inserting('a'), { mayCommit: () => false });
      expect(late).toEqual({ outcome: 'abandoned' });
      const never = await bench.transact(run, bench.inserting('a'), { isAbandoned: () => true });
      expect(never).toEqual({ outcome: 'abandoned' });
      expect(await bench.fixture.rows()).toEqual([]);
      expect(await bench.arrivals(run.id)).toEqual([]);
    });

    storeTest('is committed although the answer to COMMIT was lost', async (bench) => {
      const { loseCommit } = bench.fixture;
      if (!loseCommit) return;
      const run = await bench.start();
      const fault = loseCommit();
      const outcome = await bench.transact(run, bench.inserting('a'));
      expect(fault.hasHit()).toBe(true);
      expect(outcome.outcome).toBe('committed');
      expect(await bench.fixture.rows()).toEqual(['a']);
      expect(await bench.arrivals(run.id)).toEqual([arrivalOf(outcome)]);
    });

    storeTest('in which a database error was caught commits whole or not at all', async (bench) => {
      const run = await bench.start();
      const { insert } = bench.fixture;
      const work = (tx: unknown) => {
        const first = insert(tx, 'a');
        if (!(first instanceof Promise)) {
          expect(() => insert(tx, 'a')).toThrow();
          return '"done"';
        }
        return first.then(async () => {
          await expect(insert(tx, 'a')).rejects.toThrow();
          return '"done"';
        });
      };
      const [answer] = await Promise.allSettled([bench.transact(run, work)]);
      const hasCommitted = answer?.status === 'fulfilled';
      expect(await bench.fixture.rows()).toEqual(hasCommitted ? ['a'] : []);
      expect(await bench.arrivals(run.id)).toHaveLength(hasCommitted ? 1 : 0);
      if (!hasCommitted) expect(answer).toMatchObject({ reason: { code: 'TRANSACTION_BROKEN' } });
    });

    storeTest('is tried again, whole, after a conflict with others', async (bench) => {
      const run = await bench.start();
      const { insert } = bench.fixture;
      let tries = 0;
      const work = (tx: unknown) => {
        tries += 1;
        const done = (): string => {
          if (tries < 3) throw new Error('wrapped', { cause: CONFLICT });
          return '"done"';
        };
        const inserted = insert(tx, 'a');
        return inserted instanceof Promise ? inserted.then(done) : done();
      };
      expect(await bench.transact(run, work)).toMatchObject({ outcome: 'committed' });
      expect(tries).toBe(3);
      expect(await bench.fixture.rows()).toEqual(['a']);
      // Not for ever.
      const hopeless = bench.transact(run, () => Promise.reject(CONFLICT), { position: 2 });
      if (!bench.fixture.synchronous) await expect(hopeless).rejects.toBe(CONFLICT);
      else await expect(hopeless).rejects.toThrow();
    });

    storeTest('keeps the run due until its checkpoint is consumed', async (bench) => {
      const run = await bench.start();
      const arrival = arrivalOf(await bench.transact(run, bench.inserting('a')));
      const [suspension] = await bench.store.commit([
        buildTurn(run, { events: [buildEvent(1)], change: suspended() }),
      ]);
      expect(suspension).toEqual({ outcome: 'committed', woken: [run.id] });
      const claim = { namespace: run.namespace, serves: ['order@1'], limit: 10, resync: false };
      const { claimed } = await bench.store.claim({ ...claim, worker: 'w1' });
      expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [arrival] }]);
    });

    storeTest('is not forgotten at the end of the run', async (bench) => {
      const [kept, dropped] = [await bench.start(), await bench.start()];
      for (const run of [kept, dropped]) {
        const request = { cause: 2, position: 4 };
        const arrival = arrivalOf(await bench.transact(run, bench.inserting(run.id), request));
        const events = [1, 2, 3].map((seq) => buildEvent(seq));
        await bench.store.commit([buildTurn(run, { events, change: failed() })]);
        const { id: runId, branch, epoch } = run;
        const checkpointsBefore = run === kept ? 3 : 2;
        const events2 = [buildEvent(1)];
        expect(
          await bench.store.retry({ runId, branch, epoch, events: events2, checkpointsBefore }),
        ).toMatchObject({ outcome: 'done', run: { branch: 1 } });
        expect(await bench.arrivals(runId)).toEqual(run === kept ? [arrival] : []);
      }
      expect(await bench.fixture.rows()).toEqual([kept.id, dropped.id].sort());
    });
  });
}
