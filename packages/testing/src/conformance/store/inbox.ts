import type { InboxBody } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { only } from './bench.js';
import { buildEvent, completed, failed, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const CHILD_END: InboxBody = {
  kind: 'child',
  position: 3,
  childRunId: 'c',
  outcome: { status: 'failed', output: null, error: '"e"', reason: null },
};

const BODIES: readonly InboxBody[] = [
  { kind: 'cancel', reason: 'enough' },
  CHILD_END,
  {
    kind: 'remote',
    position: 4,
    result: { attempt: 2, ok: false, payload: '"p"', worker: 'py-1', startedAt: 12 },
  },
];

/** T4: what is accepted for a run is stored together with its wake-up, and given to it until it is consumed. */
export function describeInbox(storeTest: StoreTest): void {
  describe('deliver and receive', () => {
    storeTest(
      'gives messages back whole, in order of acceptance, and keeps them',
      async (bench) => {
        const run = await bench.create();
        const messages = BODIES.map((body, i) => ({
          runId: run.id,
          branch: 0,
          key: `k${i}`,
          body,
        }));
        const answers = await bench.store.deliver(messages);
        expect(answers.map((answer) => answer.outcome)).toEqual([
          'accepted',
          'accepted',
          'accepted',
        ]);
        const arrivals = await bench.receive(run.id);
        const body = expect.anything();
        const messageId = expect.any(String);
        expect(arrivals).toEqual(BODIES.map(() => ({ type: 'inbox', messageId, body })));
        expect(arrivals.map((arrival) => arrival.type === 'inbox' && arrival.body)).toEqual(BODIES);
        expect(new Set(arrivals.map((arrival) => arrival.messageId)).size).toBe(3);
        expect(await bench.receive(run.id)).toEqual(arrivals);
      },
    );

    storeTest('reads several runs at once', async (bench) => {
      const runs = [await bench.create(), await bench.create(), await bench.create()];
      const [a, b, c] = runs.map((run) => run.id);
      await bench.sendCancel(runs[0]?.id ?? '');
      await bench.sendCancel(runs[2]?.id ?? '');
      const all = await bench.store.receive([...runs.map((run) => run.id), 'nobody']);
      const counts = [a, b, c, 'nobody'].map((id) => all.get(id ?? '')?.length ?? 0);
      expect(counts).toEqual([1, 0, 1, 0]);
      expect((await bench.store.receive([])).size).toBe(0);
    });

    storeTest('wakes a suspended run', async (bench) => {
      const run = await bench.start();
      await bench.commit(run, { change: suspended(bench.now + 1_000) });
      expect(await bench.sendCancel(run.id)).toEqual({ outcome: 'accepted', woken: [run.id] });
      expect(await bench.claim('w1', { limit: 0 })).toMatchObject({ nextWakeAt: bench.now });
      expect(await bench.claimIds()).toEqual([run.id]);
    });

    storeTest(
      'starts a run early that was to start later, and no later one that is due',
      async (bench) => {
        const later = await bench.create({ startAt: bench.now + 1_000 });
        const due = await bench.create();
        const dueAt = bench.now;
        await bench.advance(10);
        await bench.sendCancel(later.id);
        await bench.sendCancel(due.id);
        expect(await bench.claim('w1', { limit: 0 })).toMatchObject({ nextWakeAt: dueAt });
        expect(await bench.claimIds()).toEqual([due.id, later.id]);
      },
    );

    storeTest('keeps the first of two messages with one key while it lies there', async (bench) => {
      const run = await bench.start();
      const body = { kind: 'cancel', reason: 'second' } as const;
      expect((await bench.sendCancel(run.id)).outcome).toBe('accepted');
      await bench.claim('w1');
      expect(await bench.sendCancel(run.id, { body })).toEqual({ outcome: 'duplicate', woken: [] });
      const arrival = only(await bench.receive(run.id));
      expect(arrival).toMatchObject({ body: { reason: null } });
      await bench.commit(run, { consumedInbox: [arrival.messageId] });
      expect((await bench.sendCancel(run.id, { body })).outcome).toBe('accepted');
    });

    storeTest('compares keys by run and branch', async (bench) => {
      const [a, b] = [await bench.create(), await bench.create()];
      const outcomes = [
        await bench.sendCancel(a.id, { body: CHILD_END }),
        await bench.sendCancel(b.id),
        await bench.sendCancel(a.id, { branch: 0 }),
        await bench.sendCancel(a.id, { branch: 0 }),
        await bench.sendCancel(a.id, { key: 'Cancel' }),
        await bench.sendCancel(a.id, { key: 'cancel ' }),
      ].map((answer) => answer.outcome);
      expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(5);
      expect(outcomes[3]).toBe('duplicate');
    });

    storeTest('answers per item, also for duplicates inside one batch', async (bench) => {
      const run = await bench.create();
      const body = { kind: 'cancel', reason: null } as const;
      const message = { runId: run.id, branch: null, key: 'cancel', body };
      const answers = await bench.store.deliver([
        message,
        { ...message, runId: 'nobody' },
        message,
        { ...message, key: 'other' },
      ]);
      const outcomes = ['accepted', 'ignored', 'duplicate', 'accepted'];
      expect(answers.map((answer) => answer.outcome)).toEqual(outcomes);
      expect(await bench.receive(run.id)).toHaveLength(2);
      expect(await bench.store.deliver([])).toEqual([]);
    });

    storeTest(
      'ignores what comes for an unknown or ended run, or for another branch',
      async (bench) => {
        const [done, broken, alive] = [
          await bench.start(),
          await bench.start(),
          await bench.create(),
        ];
        await bench.commit(done, { change: completed() });
        await bench.commit(broken, { change: failed() });
        const before = await dumpStore(bench.store);
        for (const id of [done.id, broken.id, 'nobody']) {
          expect(await bench.sendCancel(id)).toEqual({ outcome: 'ignored', woken: [] });
        }
        expect((await bench.sendCancel(alive.id, { branch: 1 })).outcome).toBe('ignored');
        expect(await dumpStore(bench.store)).toEqual(before);
      },
    );

    storeTest('gives a new branch nothing that was meant for the old one', async (bench) => {
      const run = await bench.start();
      await bench.sendCancel(run.id, { branch: 0, key: 'old' });
      await bench.sendCancel(run.id, { branch: null });
      await bench.sendCancel(run.id, { branch: null, key: 'any', body: CHILD_END });
      const change = { to: 'blocked', reason: 'r', error: '"e"' } as const;
      await bench.commit(run, { events: [buildEvent(1)], change });
      const { id: runId, branch, epoch } = run;
      await bench.store.retry({ runId, branch, epoch, events: [buildEvent(1)] });
      expect(await bench.receive(runId)).toHaveLength(1);
      expect((await bench.sendCancel(runId, { branch: 0, key: 'late' })).outcome).toBe('ignored');
      expect((await bench.sendCancel(runId, { branch: 1, key: 'new' })).outcome).toBe('accepted');
    });

    storeTest(
      'keeps one of two messages with one key that come at the same time',
      async (bench) => {
        const run = await bench.create();
        const handles = await bench.handles(4);
        const answers = await Promise.all(
          handles.map((store, i) => {
            const body = { kind: 'cancel', reason: `${i}` } as const;
            return store.deliver([{ runId: run.id, branch: null, key: 'cancel', body }]);
          }),
        );
        const outcomes = answers.flat().map((answer) => answer.outcome);
        expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(3);
        expect(await bench.receive(run.id)).toHaveLength(1);
      },
    );
  });

  describe('commit: messages to other runs', () => {
    storeTest('are delivered with the turn, and wake their runs', async (bench) => {
      const [run, target] = [await bench.start(), await bench.start('w2')];
      await bench.commit(target, { change: suspended() });
      const body = { kind: 'cancel', reason: 'from afar' } as const;
      const messages = [target.id, 'nobody', target.id].map((runId) => {
        return { runId, branch: null, key: 'cancel', body };
      });
      const answer = await bench.commit(run, { events: [buildEvent(1)], messages });
      expect(answer).toEqual({ outcome: 'committed', woken: [target.id] });
      expect(await bench.receive(target.id)).toMatchObject([{ type: 'inbox', body }]);
      expect(await bench.claimIds('w2')).toEqual([target.id]);
    });

    storeTest('wake the sender itself, if it writes to itself and suspends', async (bench) => {
      const run = await bench.start();
      const body = { kind: 'cancel', reason: null } as const;
      const messages = [{ runId: run.id, branch: null, key: 'cancel', body }];
      const { woken } = await bench.commit(run, { messages, change: suspended() });
      expect(woken).toEqual([run.id]);
      expect(await bench.claimIds()).toEqual([run.id]);
    });
  });
}
