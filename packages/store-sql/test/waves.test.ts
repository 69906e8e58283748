import type { Turn } from '@dudousxd/nestjs-durable-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { newEvent, newRun, newTurn, runsOf, TestStore } from './support/test-store.js';

const settled = {
  to: 'settled',
  outcome: { status: 'completed', output: '{}', error: null, reason: null },
  hasChildren: true,
} as const;
const suspended = { to: 'suspended', wakeAt: null, waitingFor: [] } as const;

function childOf(parent: string, id: string, closePolicy: 'cancel' | 'terminate' | 'abandon') {
  return newRun(id, { parent: { runId: parent, branch: 0, position: 1, closePolicy } });
}

describe('turns of one batch that concern each other', () => {
  let opened: TestStore;
  const commit = async (turns: readonly Turn[]) =>
    (await opened.store.commit(turns)).map(({ outcome, woken }) => ({
      outcome,
      woken: [...woken].sort(),
    }));
  const statusOf = async (id: string) => (await opened.store.getRun(id))?.status;

  beforeEach(async () => {
    opened = await TestStore.open();
    return () => opened.store.close();
  });

  test('two turns of one run are written in their order', async () => {
    const [run] = await opened.create(['r1']);
    if (!run) throw new Error('no run');
    const turns = [
      newTurn(run, { events: [newEvent(1)] }),
      newTurn(run, { events: [newEvent(2), newEvent(3)] }),
      newTurn(run, { events: [newEvent(4)], change: suspended }),
      newTurn(run, { events: [newEvent(5)] }),
    ];
    const answers = await commit(turns);
    expect(answers.map(({ outcome }) => outcome)).toEqual([
      ...['committed', 'committed', 'committed'],
      'fenced',
    ]);
  });

  test('a child that ends wakes the parent that suspends beside it, in either order', async () => {
    const end = { ...settled, hasChildren: false };
    for (const [parentId, order] of [
      ['p1', [0, 1]],
      ['p2', [1, 0]],
    ] as const) {
      const [parent] = await opened.create([parentId]);
      const childId = `c-of-${parentId}`;
      const created = await opened.store.createRuns({
        runs: [childOf(parentId, childId, 'cancel')],
        claim: 'w1',
      });
      const [child] = runsOf(created);
      if (!parent || !child) throw new Error('no run');
      const turns = [newTurn(child, { change: end }), newTurn(parent, { change: suspended })];
      await commit(order.flatMap((at) => turns[at] ?? []));
      const request = { worker: 'w2', namespace: 'default', serves: ['order@1'] };
      const { claimed } = await opened.store.claim({ ...request, limit: 10, resync: false });
      expect(claimed.map(({ run, arrivals }) => [run.id, arrivals.length])).toEqual([
        [parentId, 1],
      ]);
    }
  });

  test('a parent whose end terminates its children fences their turns behind it', async () => {
    const [parent, other] = await opened.create(['p', 'other']);
    const created = await opened.store.createRuns({
      runs: [childOf('p', 'c1', 'terminate'), childOf('p', 'c2', 'terminate')],
      claim: 'w1',
    });
    const [c1, c2] = runsOf(created);
    if (!parent || !other || !c1 || !c2) throw new Error('no run');
    const answers = await commit([
      newTurn(c1, { events: [newEvent(1)] }),
      newTurn(parent, { change: settled }),
      newTurn(c2, { events: [newEvent(1)] }),
      newTurn(c1, { events: [newEvent(2)], change: suspended }),
      newTurn(other, { events: [newEvent(1)] }),
    ]);
    expect(answers.map(({ outcome }) => outcome)).toEqual([
      ...['committed', 'committed', 'fenced', 'fenced', 'committed'],
    ]);
    expect(await statusOf('c1')).toBe('cancelled');
    expect(await statusOf('c2')).toBe('cancelled');
    const histories = ['c1', 'c2'].map((runId) => ({ runId, branch: 0, after: 0 }));
    expect((await opened.store.history(histories)).map((events) => events.length)).toEqual([1, 0]);
  });

  test('waits at one token get their places in the order of the turns', async () => {
    const [r1, r2] = await opened.create(['r1', 'r2']);
    if (!r1 || !r2) throw new Error('no run');
    const waits = [{ token: 't', position: 1, deadline: null }];
    const signal = (id: string) => ({
      ...{ namespace: 'default', token: 't', id, payload: id, ttlMs: 1_000 },
    });
    await opened.store.signal([signal('s1')]);
    expect(
      await commit([
        newTurn(r2, { waits, change: suspended }),
        newTurn(r1, { waits, change: suspended }),
      ]),
    ).toEqual([
      { outcome: 'committed', woken: ['r2'] },
      { outcome: 'committed', woken: [] },
    ]);
    expect((await opened.store.signal([signal('s2')]))[0]?.woken).toEqual(['r1']);
  });
});
