import type { RunRecord, WaitRegistration } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { only } from './bench.js';
import { completed, NAMESPACE, suspended } from './build.js';
import { dumpStore } from './dump.js';
import type { StoreTest } from './store-test.js';

const TTL_MS = 3_600_000;

/** A run of `w1` with an open wait at the token `cmd`. */
async function waiter(bench: StoreBench, wait: Partial<WaitRegistration> = {}): Promise<RunRecord> {
  const run = await bench.start('w1');
  await bench.commit(run, { waits: [{ token: 'cmd', position: 1, deadline: null, ...wait }] });
  return run;
}

/** Ids of the signals that the run is given now. */
async function given(bench: StoreBench, run: RunRecord): Promise<string[]> {
  return (await bench.receive(run.id)).map((arrival) => arrival.messageId);
}

/** A turn that takes the payload for the wait at `position`. */
function take(messageId: string, position = 1) {
  return { consumedSignals: [{ token: 'cmd', messageId, position }] };
}

/** Mailboxes: acceptance, memory of ids, expiry, and how payloads and waits find each other. */
export function describeSignals(storeTest: StoreTest): void {
  describe('signal', () => {
    storeTest('keeps a payload that nobody waits for, until somebody does', async (bench) => {
      const sent = await bench.signal('cmd', { id: 's1', payload: '{"go":true}' });
      expect(sent).toEqual({ outcome: 'accepted', woken: [] });
      expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toEqual([
        {
          namespace: NAMESPACE,
          token: 'cmd',
          id: 's1',
          payload: '{"go":true}',
          ttlMs: TTL_MS,
          acceptedAt: expect.any(Number),
        },
      ]);
      const run = await bench.start();
      const waits = [{ token: 'cmd', position: 1, deadline: null }];
      const { woken } = await bench.commit(run, { waits, change: suspended() });
      expect(woken).toEqual([run.id]);
      const { claimed } = await bench.claim();
      expect(claimed[0]?.arrivals).toEqual([
        {
          type: 'signal',
          messageId: 's1',
          position: 1,
          token: 'cmd',
          payload: '{"go":true}',
          acceptedAt: expect.any(Number),
        },
      ]);
    });

    storeTest('wakes the run that waits, whoever owns it', async (bench) => {
      const [sleeping, running] = [await waiter(bench), await waiter(bench, { token: 'other' })];
      await bench.commit(sleeping, { change: suspended() });
      expect((await bench.signal('cmd')).woken).toEqual([sleeping.id]);
      expect((await bench.signal('other')).woken).toEqual([running.id]);
      expect(await bench.claimIds('w2')).toEqual([sleeping.id]);
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [running.id] });
    });

    storeTest('wakes an owner whose new wait finds a payload at once', async (bench) => {
      await bench.signal('cmd', { id: 's1' });
      const run = await bench.start('w1');
      const waits = [{ token: 'cmd', position: 4, deadline: null }];
      expect((await bench.commit(run, { waits })).woken).toEqual([run.id]);
      expect((await bench.claim('w1')).wakes).toEqual([run.id]);
      expect(await bench.receive(run.id)).toMatchObject([{ messageId: 's1', position: 4 }]);
    });

    storeTest(
      'accepts an id once for as long as it lives, also after it was consumed',
      async (bench) => {
        const run = await waiter(bench);
        expect((await bench.signal('cmd', { id: 's1', payload: '1' })).outcome).toBe('accepted');
        const twice = await bench.signal('cmd', { id: 's1', payload: '2' });
        expect(twice).toEqual({ outcome: 'duplicate', woken: [] });
        expect(await bench.receive(run.id)).toMatchObject([{ payload: '1' }]);
        await bench.commit(run, take('s1'));
        expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toEqual([]);
        expect((await bench.signal('cmd', { id: 's1' })).outcome).toBe('duplicate');
        await bench.advance(TTL_MS - 1);
        expect((await bench.signal('cmd', { id: 's1' })).outcome).toBe('duplicate');
        await bench.advance(1);
        expect((await bench.signal('cmd', { id: 's1', payload: '3' })).outcome).toBe('accepted');
        expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toMatchObject([{ payload: '3' }]);
      },
    );

    storeTest('keeps namespaces, tokens and ids apart, exactly', async (bench) => {
      const places = [
        { token: 'cmd', id: 's1' },
        { token: 'cmd', id: 'S1' },
        { token: 'cmd', id: 's1 ' },
        { token: 'Cmd', id: 's1' },
        { token: 'cmd ', id: 's1' },
        { token: 'cmd', id: 's1', namespace: 'elsewhere' },
      ];
      for (const { token, ...rest } of places) {
        expect((await bench.signal(token, rest)).outcome).toBe('accepted');
      }
      const run = await waiter(bench, { token: 'Cmd' });
      expect(await bench.receive(run.id)).toMatchObject([{ token: 'Cmd', messageId: 's1' }]);
      expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toHaveLength(3);
      expect(await bench.store.listSignals('elsewhere', 'cmd')).toHaveLength(1);
    });

    storeTest('answers per item, also for duplicates inside one batch', async (bench) => {
      const run = await waiter(bench);
      const signal = { namespace: NAMESPACE, token: 'cmd', payload: '1', ttlMs: TTL_MS };
      const ids = ['a', 'b', 'a', 'c'];
      const answers = await bench.store.signal(ids.map((id) => ({ ...signal, id })));
      const outcomes = ['accepted', 'accepted', 'duplicate', 'accepted'];
      expect(answers.map((answer) => answer.outcome)).toEqual(outcomes);
      expect(answers.flatMap((answer) => answer.woken)).toEqual([run.id]);
      const listed = await bench.store.listSignals(NAMESPACE, 'cmd');
      expect(listed.map((row) => row.id)).toEqual(['a', 'b', 'c']);
      expect(await bench.store.signal([])).toEqual([]);
    });

    storeTest('forgets payloads at the end of their time, and purges them', async (bench) => {
      const run = await waiter(bench);
      await bench.signal('cmd', { id: 'short', ttlMs: 100 });
      await bench.signal('cmd', { id: 'long', ttlMs: 1_000 });
      await bench.signal('elsewhere', { id: 'short', ttlMs: 100 });
      await bench.advance(99);
      expect(await given(bench, run)).toEqual(['short']);
      expect(await bench.store.purge(10)).toBe(0);
      await bench.advance(1);
      expect(await given(bench, run)).toEqual(['long']);
      expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toMatchObject([{ id: 'long' }]);
      expect((await bench.commit(run, take('short'))).outcome).toBe('conflict');
      expect(await bench.store.purge(1)).toBe(1);
      expect(await bench.store.purge(10)).toBe(1);
      expect(await bench.store.purge(10)).toBe(0);
      expect((await bench.commit(run, take('long'))).outcome).toBe('committed');
      await bench.advance(900);
      expect(await bench.store.purge(10)).toBe(1);
    });

    storeTest('purges what has expired first before other', async (bench) => {
      await bench.signal('first', { id: 'later', ttlMs: 200 });
      await bench.signal('second', { id: 'sooner', ttlMs: 100 });
      await bench.advance(200);
      expect(await bench.store.purge(1)).toBe(1);
      // `sooner` is forgotten, and its next namesake lives; `later` is still there to be purged.
      await bench.signal('second', { id: 'sooner', ttlMs: 1_000 });
      expect(await bench.store.purge(10)).toBe(1);
      expect(await bench.store.listSignals(NAMESPACE, 'second')).toHaveLength(1);
    });
  });

  describe('signal: who gets what', () => {
    storeTest('goes payload by payload to the waits in line (I7)', async (bench) => {
      const runs = [await waiter(bench), await waiter(bench), await waiter(bench)];
      const woken: string[] = [];
      for (const id of ['s1', 's2', 's3', 's4']) {
        woken.push(...(await bench.signal('cmd', { id })).woken);
      }
      expect(woken).toEqual(runs.map((run) => run.id));
      const all = await Promise.all(runs.map((run) => given(bench, run)));
      expect(all).toEqual([['s1'], ['s2'], ['s3']]);
    });

    storeTest('gives one run one payload per wait, in order', async (bench) => {
      const run = await waiter(bench);
      for (const id of ['s1', 's2', 's3']) await bench.signal('cmd', { id });
      const seen: string[] = [];
      for (let position = 1; position <= 3; position += 1) {
        const [id] = await given(bench, run);
        if (id === undefined) throw new Error('no payload');
        seen.push(id);
        const waits = [{ token: 'cmd', position: position + 1, deadline: null }];
        await bench.commit(run, { ...take(id, position), waits });
      }
      expect(seen).toEqual(['s1', 's2', 's3']);
      expect(await given(bench, run)).toEqual([]);
    });

    storeTest('closes the wait when its payload is consumed', async (bench) => {
      const [first, second] = [await waiter(bench), await waiter(bench)];
      await bench.signal('cmd', { id: 's1' });
      await bench.commit(first, { ...take('s1'), change: suspended() });
      expect((await bench.signal('cmd', { id: 's2' })).woken).toEqual([second.id]);
      expect(await given(bench, first)).toEqual([]);
      expect(await given(bench, second)).toEqual(['s2']);
    });

    storeTest(
      'is a conflict to take what is not there, or is meant for another wait',
      async (bench) => {
        const [first, second] = [await waiter(bench), await waiter(bench)];
        await bench.signal('cmd', { id: 's1' });
        await bench.signal('cmd', { id: 's2' });
        await bench.signal('cmd', { id: 's3' });
        const before = await dumpStore(bench.store, { tokens: ['cmd'] });
        const tries: [RunRecord, string, number][] = [
          [first, 'nothing', 1],
          [first, 's1', 2],
          [first, 's2', 1],
          [first, 's3', 1],
          [second, 's1', 1],
        ];
        for (const [run, id, position] of tries) {
          const answer = await bench.commit(run, { ...take(id, position), change: completed() });
          expect(answer, `${id} at ${position}`).toEqual({ outcome: 'conflict', woken: [] });
        }
        expect(await dumpStore(bench.store, { tokens: ['cmd'] })).toEqual(before);
        expect((await bench.commit(second, take('s2'))).outcome).toBe('committed');
        expect((await bench.commit(second, take('s2'))).outcome).toBe('conflict');
        expect(only(await given(bench, first))).toBe('s1');
      },
    );
  });
}
