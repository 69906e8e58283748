import type { RunRecord, WaitRegistration } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { blocked, buildEvent, buildTask, completed, NAMESPACE, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

/** A run of `w1` with an open wait at the token `cmd`. */
async function waiter(bench: StoreBench, wait: Partial<WaitRegistration> = {}): Promise<RunRecord> {
  const run = await bench.start('w1');
  await bench.commit(run, { waits: [{ token: 'cmd', position: 1, deadline: null, ...wait }] });
  return run;
}

async function given(bench: StoreBench, run: RunRecord): Promise<string[]> {
  return (await bench.receive(run.id)).map((arrival) => arrival.messageId);
}

/** Places in line: deadlines, withdrawals, replaced waits, and what becomes of the place of a run that ends. */
export function describeWaits(storeTest: StoreTest): void {
  describe('waits: deadlines', () => {
    storeTest(
      'take what was accepted up to the deadline, however late they look',
      async (bench) => {
        const deadline = bench.now + 100;
        const run = await waiter(bench, { deadline });
        await bench.advance(100);
        expect((await bench.signal('cmd', { id: 'in-time' })).woken).toEqual([run.id]);
        await bench.advance(5_000);
        expect(await given(bench, run)).toEqual(['in-time']);
      },
    );

    storeTest(
      'do not take what was accepted after the deadline: it goes to the next',
      async (bench) => {
        const hasty = await waiter(bench, { deadline: bench.now + 100 });
        const patient = await waiter(bench);
        await bench.advance(101);
        expect((await bench.signal('cmd', { id: 'late' })).woken).toEqual([patient.id]);
        expect(await given(bench, hasty)).toEqual([]);
        expect(await given(bench, patient)).toEqual(['late']);
        const turn = { consumedSignals: [{ token: 'cmd', messageId: 'late', position: 1 }] };
        expect((await bench.commit(hasty, turn)).outcome).toBe('conflict');
      },
    );

    storeTest(
      'a timeout is a conflict while a payload accepted in time is there',
      async (bench) => {
        const deadline = bench.now + 100;
        const run = await waiter(bench, { deadline });
        await bench.advance(100);
        await bench.signal('cmd', { id: 'in-time' });
        await bench.advance(5_000);
        const before = await dumpStore(bench.store, { tokens: ['cmd'] });
        const withdrawals = [{ token: 'cmd', position: 1, deadline }];
        const turn = { events: [buildEvent(1)], withdrawals, change: completed() };
        expect(await bench.commit(run, turn)).toEqual({ outcome: 'conflict', woken: [] });
        expect(await dumpStore(bench.store, { tokens: ['cmd'] })).toEqual(before);
      },
    );

    storeTest(
      'a timeout holds when the payload came late, or is meant for another',
      async (bench) => {
        const deadline = bench.now + 100;
        const first = await waiter(bench);
        const second = await waiter(bench, { deadline });
        await bench.signal('cmd', { id: 'for-first' });
        await bench.advance(101);
        await bench.signal('cmd', { id: 'late' });
        const withdrawals = [{ token: 'cmd', position: 1, deadline }];
        const answer = await bench.commit(second, { withdrawals, change: suspended() });
        expect(answer).toEqual({ outcome: 'committed', woken: [] });
        expect(await given(bench, first)).toEqual(['for-first']);
        const left = await bench.store.listSignals(NAMESPACE, 'cmd');
        expect(left.map((row) => row.id)).toEqual(['for-first', 'late']);
      },
    );
  });

  describe('waits: given up', () => {
    storeTest(
      'without a deadline, whatever has arrived; the payload goes to the next',
      async (bench) => {
        const [first, second] = [await waiter(bench), await waiter(bench)];
        await bench.commit(second, { change: suspended() });
        await bench.signal('cmd', { id: 's1' });
        const withdrawals = [{ token: 'cmd', position: 1, deadline: null }];
        const answer = await bench.commit(first, { withdrawals });
        expect(answer).toEqual({ outcome: 'committed', woken: [second.id] });
        expect(await given(bench, first)).toEqual([]);
        expect(await given(bench, second)).toEqual(['s1']);
        expect(await bench.claimIds('w2')).toEqual([second.id]);
      },
    );

    storeTest('let later payloads move up, so that order is kept', async (bench) => {
      const [first, second] = [await waiter(bench), await waiter(bench)];
      await bench.signal('cmd', { id: 's1' });
      await bench.signal('cmd', { id: 's2' });
      expect(await given(bench, second)).toEqual(['s2']);
      await bench.commit(first, { withdrawals: [{ token: 'cmd', position: 1, deadline: null }] });
      const early = { consumedSignals: [{ token: 'cmd', messageId: 's2', position: 1 }] };
      expect((await bench.commit(second, early)).outcome).toBe('conflict');
      expect(await given(bench, second)).toEqual(['s1']);
    });

    storeTest('concern only the wait of that position', async (bench) => {
      const run = await waiter(bench, { position: 2 });
      const withdrawals = [
        { token: 'cmd', position: 1, deadline: null },
        { token: 'unknown', position: 2, deadline: 5 },
      ];
      expect((await bench.commit(run, { withdrawals })).outcome).toBe('committed');
      expect((await bench.signal('cmd')).woken).toEqual([run.id]);
    });

    for (const [name, change] of Object.entries({ ended: completed(), blocked: blocked() })) {
      storeTest(
        `a run that is ${name} ${name === 'ended' ? 'gives' : 'keeps'} its place`,
        async (bench) => {
          const [first, second] = [await waiter(bench), await waiter(bench)];
          await bench.signal('cmd', { id: 's1' });
          const { woken } = await bench.commit(first, { change });
          expect(woken).toEqual(name === 'ended' ? [second.id] : []);
          expect(await given(bench, second)).toEqual(name === 'ended' ? ['s1'] : []);
        },
      );
    }

    storeTest(
      'a run that is terminated gives its place and its payload to the next',
      async (bench) => {
        const [first, second] = [await waiter(bench), await waiter(bench)];
        await bench.signal('cmd', { id: 's1' });
        const request = { runId: first.id, reason: 'r', onlyIf: 'nonTerminal' } as const;
        expect(await bench.store.terminate(request)).toMatchObject({ woken: [second.id] });
        expect(await given(bench, second)).toEqual(['s1']);
      },
    );

    storeTest(
      'a blocked run that is retried on a new branch has no waits and no tasks',
      async (bench) => {
        const [first, second] = [await waiter(bench), await waiter(bench)];
        await bench.signal('cmd', { id: 's1' });
        await bench.commit(first, { tasks: [buildTask(first, 'task')], change: blocked() });
        expect(await bench.visibleTasks()).toEqual(['task']);
        const { id: runId, branch, epoch } = first;
        const answer = await bench.store.retry({ runId, branch, epoch, events: [] });
        expect(answer).toMatchObject({ outcome: 'done' });
        expect(await given(bench, first)).toEqual([]);
        expect(await given(bench, second)).toEqual(['s1']);
        expect(await bench.visibleTasks()).toEqual([]);
      },
    );
  });

  describe('waits: replaced', () => {
    storeTest('a newer wait of the same run keeps the place in line', async (bench) => {
      const [first, second] = [await waiter(bench), await waiter(bench)];
      const waits = [{ token: 'cmd', position: 9, deadline: null }];
      await bench.commit(first, { waits });
      await bench.signal('cmd', { id: 's1' });
      expect(await bench.receive(first.id)).toMatchObject([{ messageId: 's1', position: 9 }]);
      expect(await given(bench, second)).toEqual([]);
      const old = { consumedSignals: [{ token: 'cmd', messageId: 's1', position: 1 }] };
      expect((await bench.commit(first, old)).outcome).toBe('conflict');
    });

    for (const isOpen of [false, true]) {
      const what = isOpen ? 'an open wait' : 'a wait';
      storeTest(`by a later wait of the turn that gives ${what} up: it stays`, async (bench) => {
        const run = isOpen ? await waiter(bench) : await bench.start('w1');
        const next = await waiter(bench);
        const waits = [1, 2].map((position) => ({ token: 'cmd', position, deadline: null }));
        const withdrawals = [{ token: 'cmd', position: 1, deadline: null }];
        const turn = { waits, withdrawals, change: suspended() };
        expect(await bench.commit(run, turn)).toEqual({ outcome: 'committed', woken: [] });
        // Who waited before it comes first.
        const line = isOpen ? [run, next] : [next, run];
        for (const { id } of line) expect((await bench.signal('cmd')).woken).toEqual([id]);
        expect(await bench.receive(run.id)).toMatchObject([{ token: 'cmd', position: 2 }]);
      });
    }

    storeTest(
      'by a later wait of the same turn: one wait is open, and gives its payload once',
      async (bench) => {
        const run = await bench.start('w1');
        await bench.signal('cmd', { id: 's1' });
        await bench.signal('cmd', { id: 's2' });
        const waits = [1, 2].map((position) => ({ token: 'cmd', position, deadline: null }));
        expect((await bench.commit(run, { waits })).woken).toEqual([run.id]);
        expect(await bench.receive(run.id)).toMatchObject([{ messageId: 's1', position: 2 }]);
        const old = { consumedSignals: [{ token: 'cmd', messageId: 's1', position: 1 }] };
        expect((await bench.commit(run, old)).outcome).toBe('conflict');
        const own = { consumedSignals: [{ token: 'cmd', messageId: 's1', position: 2 }] };
        expect((await bench.commit(run, own)).outcome).toBe('committed');
        expect(await bench.receive(run.id)).toEqual([]);
      },
    );

    storeTest(
      'a newer wait gets the payload that the older one has not taken, and a wake',
      async (bench) => {
        const run = await waiter(bench);
        await bench.signal('cmd', { id: 's1' });
        await bench.claim('w1');
        const waits = [{ token: 'cmd', position: 2, deadline: null }];
        expect((await bench.commit(run, { waits })).woken).toEqual([run.id]);
        expect(await bench.receive(run.id)).toMatchObject([{ messageId: 's1', position: 2 }]);
      },
    );

    storeTest('a wait after a consumed one goes to the end of the line', async (bench) => {
      const [first, second] = [await waiter(bench), await waiter(bench)];
      await bench.signal('cmd', { id: 's1' });
      const consumedSignals = [{ token: 'cmd', messageId: 's1', position: 1 }];
      const waits = [{ token: 'cmd', position: 2, deadline: null }];
      await bench.commit(first, { consumedSignals, waits });
      await bench.signal('cmd', { id: 's2' });
      expect(await given(bench, first)).toEqual([]);
      expect(await given(bench, second)).toEqual(['s2']);
    });

    storeTest('a run has waits at several tokens, each with its own payload', async (bench) => {
      const run = await bench.start();
      const waits = ['b', 'a', 'c'].map((token, i) => ({ token, position: i + 1, deadline: null }));
      await bench.commit(run, { waits });
      await bench.signal('a', { id: 'sa' });
      await bench.signal('b', { id: 'sb' });
      await bench.advance(1);
      await bench.sendCancel(run.id);
      await bench.advance(1);
      await bench.signal('c', { id: 'sc' });
      const arrivals = await bench.receive(run.id);
      const seen = arrivals.map((arrival) => (arrival.type === 'signal' ? arrival.token : 'inbox'));
      expect(seen).toEqual(['b', 'a', 'inbox', 'c']);
    });
  });
}
