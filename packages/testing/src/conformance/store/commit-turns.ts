import type { HistoryEvent } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { only } from './bench.js';
import { blocked, buildEvent, completed, failed, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const FULL_EVENT: HistoryEvent = {
  seq: 2,
  type: 'scheduled',
  kind: 'signal',
  position: 4,
  name: 'approval',
  digest: 'sha-2',
  cause: 1,
  attempt: 3,
  payload: null,
  at: 1_750_000_000_123,
  startedAt: null,
  worker: 'w1',
  site: 'order.ts:10:5',
  group: { id: 'g1', mode: 'race', name: 'either', branch: 1 },
  detail: { deadline: 1_750_000_600_000, token: 'approval', detached: false, upto: 0, reason: '' },
};

/** What a turn writes: history, the run's change, and what becomes of its ready row. */
export function describeCommitTurns(storeTest: StoreTest): void {
  describe('commit: history and change', () => {
    storeTest('keeps every field of an event', async (bench) => {
      const run = await bench.start();
      const marker = { position: null, kind: 'patch', type: 'recorded' } as const;
      const events = [buildEvent(1), FULL_EVENT, buildEvent(3, marker)];
      expect(await bench.commit(run, { events })).toEqual({ outcome: 'committed', woken: [] });
      expect(await bench.history(run.id)).toEqual(events);
    });

    storeTest('reads the history of several runs, after a seq, up to a limit', async (bench) => {
      const [a, b] = [await bench.start(), await bench.start()];
      const events = [1, 2, 3, 4].map((seq) => buildEvent(seq));
      await bench.commit(a, { events: events.slice(0, 3) });
      await bench.commit(a, { events: events.slice(3) });
      await bench.commit(b, { events: events.slice(0, 1) });
      const read = await bench.store.history([
        { runId: b.id, branch: 0, after: 0 },
        { runId: a.id, branch: 0, after: 1, limit: 2 },
        { runId: 'nobody', branch: 0, after: 0 },
        { runId: a.id, branch: 1, after: 0 },
        { runId: a.id, branch: 0, after: 4 },
        { runId: a.id, branch: 0, after: 0 },
      ]);
      const seqs = read.map((list) => list.map((event) => event.seq));
      expect(seqs).toEqual([[1], [2, 3], [], [], [], [1, 2, 3, 4]]);
    });

    storeTest('leaves the run as it is without a change', async (bench) => {
      const run = await bench.start();
      await bench.commit(run, { events: [buildEvent(1)] });
      expect(await bench.requireRun(run.id)).toEqual(run);
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
    });

    storeTest('suspends until a time, and not before', async (bench) => {
      const run = await bench.start();
      const wakeAt = bench.now + 1_000;
      const waitingFor = [{ kind: 'timer', name: 'sleep', position: 1, until: wakeAt }] as const;
      const change = { to: 'suspended', wakeAt, waitingFor } as const;
      expect(await bench.commit(run, { change })).toEqual({ outcome: 'committed', woken: [] });
      const expected = { ...run, status: 'suspended', worker: null, waitingFor };
      expect(await bench.requireRun(run.id)).toEqual(expected);
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], nextWakeAt: wakeAt });
      await bench.advance(1_000);
      const again = await bench.claimRun(run.id);
      expect(again).toMatchObject({ status: 'running', epoch: run.epoch + 1 });
    });

    storeTest('suspends without a time until something arrives', async (bench) => {
      const run = await bench.start();
      await bench.commit(run, { change: suspended() });
      await bench.advance(365 * 86_400_000);
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], nextWakeAt: null });
      expect(await bench.sendCancel(run.id)).toEqual({ outcome: 'accepted', woken: [run.id] });
      expect(await bench.claimIds()).toEqual([run.id]);
    });

    storeTest('says that it woke a run that suspends until a time in the past', async (bench) => {
      const run = await bench.start();
      const { woken } = await bench.commit(run, { change: suspended(bench.now - 1) });
      expect(woken).toEqual([run.id]);
      expect(await bench.claimIds()).toEqual([run.id]);
    });

    storeTest(
      'settles with the outcome, and leaves nothing but the run and its history',
      async (bench) => {
        const run = await bench.start();
        await leaveTraces(bench, run.id);
        const reason = 'in words';
        const outcome = { status: 'cancelled', output: '"o"', error: '"e"', reason } as const;
        const change = { to: 'settled', outcome, hasChildren: false } as const;
        await bench.commit(run, { events: [buildEvent(1)], change });
        const ended = await bench.requireRun(run.id);
        expect(ended).toEqual({ ...run, ...outcome, worker: null, finishedAt: expect.any(Number) });
        expect(await bench.history(run.id)).toEqual([buildEvent(1)]);
        expect(await bench.receive(run.id)).toEqual([]);
        expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
        expect(await bench.sendCancel(run.id)).toEqual({ outcome: 'ignored', woken: [] });
        expect(await bench.requireRun(run.id)).toEqual(ended);
      },
    );

    storeTest('stamps the end with its own clock', async (bench) => {
      const [a, b] = [await bench.start(), await bench.start()];
      await bench.advance(77);
      await bench.commit(a, { change: completed() });
      await bench.commit(b, { change: failed() });
      expect(await bench.requireRun(a.id)).toMatchObject({
        finishedAt: bench.now,
        output: '"done"',
      });
      expect(await bench.requireRun(b.id)).toMatchObject({
        finishedAt: bench.now,
        error: '"broken"',
      });
    });

    storeTest('blocks with a reason, and keeps what has arrived for a retry', async (bench) => {
      const run = await bench.start();
      await bench.sendCancel(run.id);
      await bench.commit(run, { events: [buildEvent(1)], change: blocked('no such step') });
      const expected = { status: 'blocked', worker: null, reason: 'no such step' };
      const stuck = await bench.requireRun(run.id);
      expect(stuck).toEqual({ ...run, ...expected, error: '"mismatch"' });
      expect(await bench.claimIds()).toEqual([]);
      const { id: runId, branch, epoch } = stuck;
      await bench.store.retry({ runId, branch, epoch, events: null });
      const { claimed } = await bench.claim();
      expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [{ type: 'inbox' }] }]);
    });
  });

  describe('commit: what has arrived', () => {
    storeTest(
      'suspends over nothing: what is left in the inbox makes the run due now',
      async (bench) => {
        const run = await bench.start();
        await bench.sendCancel(run.id);
        await bench.claim('w1');
        const change = suspended(bench.now + 7 * 86_400_000);
        expect(await bench.commit(run, { change })).toEqual({
          outcome: 'committed',
          woken: [run.id],
        });
        const { claimed } = await bench.claim('w2');
        expect(claimed).toMatchObject([{ run: { id: run.id, worker: 'w2' }, arrivals: [{}] }]);
      },
    );

    storeTest(
      'keeps the wake of a message that came after what the turn consumed',
      async (bench) => {
        const run = await bench.start();
        await bench.sendCancel(run.id, { key: 'first' });
        const consumedInbox = (await bench.receive(run.id)).map((arrival) => arrival.messageId);
        await bench.sendCancel(run.id, { key: 'second' });
        await bench.commit(run, { consumedInbox, change: suspended() });
        const { claimed } = await bench.claim('w2');
        expect(claimed[0]?.arrivals).toHaveLength(1);
        expect(claimed[0]?.arrivals[0]?.messageId).not.toBe(consumedInbox[0]);
      },
    );

    storeTest('forgets the wake of what the turn has consumed', async (bench) => {
      const run = await bench.start();
      await bench.sendCancel(run.id);
      const consumedInbox = (await bench.receive(run.id)).map((arrival) => arrival.messageId);
      const wakeAt = bench.now + 50;
      const answer = await bench.commit(run, { consumedInbox, change: suspended(wakeAt) });
      expect(answer.woken).toEqual([]);
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], nextWakeAt: wakeAt });
      expect(await bench.receive(run.id)).toEqual([]);
    });

    storeTest('drops the wake of a running run when nothing is left to receive', async (bench) => {
      const run = await bench.start();
      await bench.sendCancel(run.id, { key: 'first' });
      await bench.sendCancel(run.id, { key: 'second' });
      const [first, second] = (await bench.receive(run.id)).map((arrival) => arrival.messageId);
      await bench.commit(run, { consumedInbox: first === undefined ? [] : [first] });
      expect((await bench.claim('w1')).wakes).toEqual([run.id]);
      await bench.sendCancel(run.id, { key: 'third' });
      const third = (await bench.receive(run.id)).map((arrival) => arrival.messageId);
      expect(third[0]).toBe(second);
      await bench.commit(run, { consumedInbox: third });
      expect(await bench.claim('w1')).toMatchObject({ wakes: [], nextWakeAt: null });
    });

    storeTest('is a conflict, and nothing, when a consumed message is not there', async (bench) => {
      const [run, other] = [await bench.start(), await bench.start()];
      await bench.sendCancel(run.id);
      await bench.sendCancel(other.id);
      const mine = only(await bench.receive(run.id)).messageId;
      const foreign = only(await bench.receive(other.id)).messageId;
      const before = await dumpStore(bench.store);
      for (const consumedInbox of [['nothing'], ['999999999'], [foreign], [mine, foreign]]) {
        const turn = { events: [buildEvent(1)], consumedInbox, change: completed() };
        expect(await bench.commit(run, turn)).toEqual({ outcome: 'conflict', woken: [] });
      }
      expect(await dumpStore(bench.store)).toEqual(before);
      const { outcome } = await bench.commit(run, { consumedInbox: [mine] });
      expect(outcome).toBe('committed');
      const again = { events: [buildEvent(1)], consumedInbox: [mine] };
      expect((await bench.commit(run, again)).outcome).toBe('conflict');
    });
  });
}

/** An inbox message, an open wait with a payload, and so a ready row. */
async function leaveTraces(bench: StoreBench, runId: string): Promise<void> {
  await bench.sendCancel(runId);
  const waits = [{ token: 'trace', position: 1, deadline: null }];
  await bench.commit(await bench.requireRun(runId), { waits });
  await bench.signal('trace');
}
