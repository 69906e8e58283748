import type { SignalMessage, StateStore, SweepResult } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { buildEvent, buildTurn, NAMESPACE, suspended } from '../store/build.js';
import type { TransactionBench, TransactionTest } from './bench.js';
import { inOrder } from './fixture.js';

function message(token: string, id: string): SignalMessage {
  return { namespace: NAMESPACE, token, id, payload: `"${id}"`, ttlMs: 3_600_000 };
}

async function sendIn(bench: TransactionBench, messages: readonly SignalMessage[]): Promise<void> {
  const { fixture, store } = bench;
  await fixture.begin((tx) => inOrder([() => store.signalIn(tx, messages)], null));
}

async function idsOf(store: StateStore, token: string): Promise<string[]> {
  return (await store.listSignals(NAMESPACE, token)).map(({ id }) => id);
}

async function sweepAll(store: StateStore, limit: number): Promise<SweepResult[]> {
  const results: SweepResult[] = [];
  for (;;) {
    const result = await store.sweepOutbox(limit);
    results.push(result);
    if (result.moved === 0) return results;
  }
}

/** The verbs `signalIn` and `sweepOutbox`: signals that are sent when a transaction of the application commits. */
export function describeTransactionalSignals(storeTest: TransactionTest): void {
  describe('signalIn', () => {
    storeTest('reaches the mailbox after the commit, and wakes who waits', async (bench) => {
      const { store } = bench;
      const run = await bench.start();
      const waits = [{ token: 'paid', position: 1, deadline: null }];
      const turn = buildTurn(run, { events: [buildEvent(1)], waits, change: suspended() });
      await store.commit([turn]);
      await sendIn(bench, [message('paid', 's1')]);
      expect(await idsOf(store, 'paid')).toEqual([]);
      expect(await store.sweepOutbox(10)).toEqual({ moved: 1, woken: [run.id], more: false });
      expect(await idsOf(store, 'paid')).toEqual(['s1']);
      expect(await bench.arrivals(run.id)).toMatchObject([{ messageId: 's1', payload: '"s1"' }]);
      expect(await store.sweepOutbox(10)).toEqual({ moved: 0, woken: [], more: false });
    });

    storeTest('sends nothing after a rollback', async (bench) => {
      const { fixture, store } = bench;
      const rolledBack = fixture.begin((tx) =>
        inOrder(
          [
            () => store.signalIn(tx, [message('paid', 's1')]),
            () => {
              throw new Error('changed my mind');
            },
          ],
          null,
        ),
      );
      await expect(rolledBack).rejects.toThrow('changed my mind');
      expect(await store.sweepOutbox(10)).toMatchObject({ moved: 0 });
      expect(await idsOf(store, 'paid')).toEqual([]);
    });

    storeTest('keeps the order of sending and knows repeated ids', async (bench) => {
      const { store } = bench;
      await store.signal([message('t', 'direct')]);
      await sendIn(bench, [message('t', 'a'), message('t', 'b')]);
      await sendIn(bench, [message('t', 'direct'), message('t', 'c'), message('u', 'a')]);
      await sendIn(bench, [message('t', 'a'), message('t', 'd')]);
      const results = await sweepAll(store, 3);
      expect(results.map(({ moved, more }) => [moved, more])).toEqual([
        [3, true],
        [3, true],
        [1, false],
        [0, false],
      ]);
      expect(await idsOf(store, 't')).toEqual(['direct', 'a', 'b', 'c', 'd']);
      expect(await idsOf(store, 'u')).toEqual(['a']);
    });

    storeTest('loses and doubles nothing between sweeps at once', async (bench) => {
      const tokens = ['t0', 't1', 't2', 't3'];
      const other = await bench.fixture.secondStore();
      const count = 60;
      const send = async (): Promise<void> => {
        for (let n = 0; n < count; n += 1) {
          const id = String(n).padStart(3, '0');
          await sendIn(
            bench,
            tokens.map((token) => message(token, id)),
          );
        }
      };
      let hasSent = false;
      const sending = send().then(() => {
        hasSent = true;
      });
      const sweep = async (store: StateStore): Promise<number> => {
        let moved = 0;
        for (;;) {
          const last = hasSent;
          const result = await store.sweepOutbox(7);
          moved += result.moved;
          if (last && result.moved === 0) return moved;
          // A synchronous driver would leave the sender's ORM no turn of the event loop.
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      };
      const moved = await Promise.all([bench.store, other, bench.store, other].map(sweep));
      await sending;
      const rest = (await sweepAll(bench.store, 100)).reduce(
        (sum, result) => sum + result.moved,
        0,
      );
      expect(moved.reduce((sum, n) => sum + n, rest)).toBe(count * tokens.length);
      const sent = Array.from({ length: count }, (_, n) => String(n).padStart(3, '0'));
      for (const token of tokens) expect(await idsOf(bench.store, token)).toEqual(sent);
    });

    storeTest('of a transaction that commits late comes when it is there', async (bench) => {
      if (bench.fixture.oneWriter) return;
      const { fixture, store } = bench;
      await fixture.begin(async (tx) => {
        await store.signalIn(tx, [message('t', 'early')]);
        // Has the larger number and commits first.
        await sendIn(bench, [message('t', 'late')]);
        expect(await store.sweepOutbox(10)).toMatchObject({ moved: 1 });
      });
      expect(await store.sweepOutbox(10)).toMatchObject({ moved: 1 });
      expect(await idsOf(store, 't')).toEqual(['late', 'early']);
    });

    storeTest('does not wait for a token that others hold', async (bench) => {
      if (bench.fixture.oneWriter) return;
      const { fixture, store } = bench;
      await fixture.begin(async (tx) => {
        await store.signalIn(tx, [message('t', 'open')]);
        // Nor do others wait for it.
        expect(await store.signal([message('t', 'plain')])).toMatchObject([
          { outcome: 'accepted' },
        ]);
      });
      await store.sweepOutbox(10);
      expect(await idsOf(store, 't')).toEqual(['plain', 'open']);
    });
  });
}
