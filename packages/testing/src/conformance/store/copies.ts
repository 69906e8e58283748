import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { buildEvent, buildTask, buildTurn, NAMESPACE, runOf } from './build.js';
import type { StoreTest } from './store-test.js';

/** A run of `w1` with a row in every table. Everything that was handed over is vandalized afterwards. */
async function fillStore(bench: StoreBench): Promise<void> {
  await bench.heartbeat('w1');
  const runs = [bench.newRun({ id: 'mine', tags: ['a'] })];
  const [answer] = await bench.store.createRuns({ runs, claim: 'w1' });
  const created = runOf(answer);
  const group = { id: 'g', mode: 'all', name: 'g', branch: 0 } as const;
  const turns = [
    buildTurn(structuredClone(created), {
      events: [buildEvent(1, { group, detail: { token: 'cmd' } })],
      waits: [{ token: 'cmd', position: 1, deadline: null }],
      tasks: [buildTask(created, 'task')],
    }),
  ];
  await bench.store.commit(turns);
  const id = 's1';
  const signals = [{ namespace: NAMESPACE, token: 'cmd', id, payload: '1', ttlMs: 1_000_000 }];
  await bench.store.signal(signals);
  const body = { kind: 'cancel', reason: 'enough' } as const;
  const messages = [{ runId: 'mine', branch: null, key: 'cancel', body: { ...body } }];
  await bench.store.deliver(messages);
  await bench.store.markUnserved(['task']);
  for (const value of [runs, created, turns, signals, messages]) vandalize(value);
}

/** Everything that can be read of it without changing it. */
function viewsOf(bench: StoreBench): readonly (() => Promise<unknown>)[] {
  const { store } = bench;
  const outbox = { worker: 't', namespace: NAMESPACE, limit: 5, visibilityMs: 0, steps: null };
  const retry = { runId: 'mine', branch: 9, epoch: 9, events: null };
  return [
    () => bench.requireRun('mine'),
    () => bench.receive('mine'),
    () => bench.history('mine'),
    () => bench.claim('w1', { limit: 0, resync: true }).then(({ owned }) => owned),
    () => store.createRuns({ runs: [bench.newRun({ id: 'mine' })], claim: null }),
    async () => {
      const { tasks } = await store.takeTasks(outbox);
      await store.returnTasks([{ taskId: 'task', afterMs: 0 }]);
      return tasks;
    },
    () => store.listUnserved(['mine']),
    () => store.listRuns({ namespace: NAMESPACE }, 5, null),
    () => store.countRuns({ namespace: NAMESPACE }),
    () => store.listSignals(NAMESPACE, 'cmd'),
    () => store.listServed(NAMESPACE),
    () => store.deleteRun('mine'),
    () => store.retry(retry),
  ];
}

/** Nothing is shared between a store and its callers. */
export function describeCopies(storeTest: StoreTest): void {
  describe('copies', () => {
    storeTest(
      'whoever changes an answer, or what he handed over, changes nothing else',
      async (bench) => {
        await fillStore(bench);
        expect(await bench.requireRun('mine')).toMatchObject({ tags: ['a'], input: '{"n":1}' });
        expect(await bench.history('mine')).toMatchObject([
          { name: 'step-1', group: { name: 'g' }, detail: { token: 'cmd' } },
        ]);
        const arrivals = [
          { messageId: 's1', token: 'cmd' },
          { body: { kind: 'cancel', reason: 'enough' } },
        ];
        expect(await bench.receive('mine')).toEqual(
          expect.arrayContaining(arrivals.map((arrival) => expect.objectContaining(arrival))),
        );
        for (const view of viewsOf(bench)) {
          const answer = await view();
          const expected = structuredClone(answer);
          expect(expected).not.toEqual([]);
          vandalize(answer);
          expect(answer).not.toEqual(expected);
          expect(await view()).toEqual(expected);
        }
      },
    );

    storeTest('a claimed run and its arrivals are copies', async (bench) => {
      await fillStore(bench);
      await bench.store.releaseWorker('w1');
      const answer = await bench.claim('w2');
      const expected = structuredClone(answer.claimed);
      expect(expected).toHaveLength(1);
      vandalize(answer);
      expect(await bench.requireRun('mine')).toEqual(expected[0]?.run);
      expect(await bench.receive('mine')).toEqual(expected[0]?.arrivals);
    });
  });
}

/** Overwrites every text and number, at any depth, and empties every list. */
function vandalize(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    vandalize(item);
    if (typeof item !== 'object') Reflect.set(value, key, 'vandalized');
  }
  if (Array.isArray(value)) Reflect.set(value, 'length', 0);
}
