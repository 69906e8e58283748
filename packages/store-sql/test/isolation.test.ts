import { beforeEach, describe, expect, test } from 'vitest';
import { newEvent, newTurn, TestStore } from './support/test-store.js';

describe('a bad turn in a batch', () => {
  let opened: TestStore;

  beforeEach(async () => {
    opened = await TestStore.open();
    return () => opened.store.close();
  });

  test('that the database refuses blocks its run, and harms no other', async () => {
    const runs = await opened.create(Array.from({ length: 9 }, (_, i) => `r${i}`));
    const turns = runs.map((run, i) => {
      // What no driver binds: something that slipped through the types.
      const payload = i === 4 ? (Symbol('bad') as unknown as string) : '{}';
      return newTurn(run, { events: [newEvent(1, { payload })] });
    });
    const outcomes = (await opened.store.commit(turns)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(runs.map((_, i) => (i === 4 ? 'fenced' : 'committed')));
    for (const [i, { id: runId }] of runs.entries()) {
      const [events] = await opened.store.history([{ runId, branch: 0, after: 0 }]);
      expect(events).toHaveLength(i === 4 ? 0 : 1);
    }
    expect(await opened.store.getRun('r4')).toMatchObject({
      status: 'blocked',
      worker: null,
      reason: expect.stringMatching(/^the database refused to store its turn: .*bind/),
    });
    const retried = await opened.store.retry({ runId: 'r4', branch: 0, epoch: 1, events: null });
    expect(retried).toMatchObject({ outcome: 'done', woken: ['r4'] });
  });

  test('that is fenced and refused leaves the run to its new owner', async () => {
    const [run] = await opened.create(['r1']);
    if (!run) throw new Error('no run');
    await opened.store.releaseRun('r1', 'w1', 1);
    const stale = newTurn(run, { events: [newEvent(1, { seq: undefined as unknown as number })] });
    expect(await opened.store.commit([stale])).toEqual([{ outcome: 'fenced', woken: [] }]);
    expect(await opened.store.getRun('r1')).toMatchObject({ status: 'running', epoch: 2 });
  });

  test('rejects nothing of others when the database cannot be written at all', async () => {
    const runs = await opened.create(['r1', 'r2', 'r3', 'r4']);
    opened.driver.database.pragma('query_only = on');
    const turns = runs.map((run) => newTurn(run, { events: [newEvent(1)] }));
    const texts = await opened.textsOf(() =>
      expect(opened.store.commit(turns)).rejects.toThrow(/readonly/),
    );
    // It does not help to try them one by one.
    expect(texts.filter((text) => text === 'begin immediate')).toHaveLength(1);
    opened.driver.database.pragma('query_only = off');
    expect((await opened.store.commit(turns)).map(({ outcome }) => outcome)).toEqual(
      turns.map(() => 'committed'),
    );
  });
});
