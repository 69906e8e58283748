import { beforeEach, describe, expect, test } from 'vitest';
import { newEvent, newRun, newSignal, newTurn, TestStore } from './support/test-store.js';

/** What each statement does to which table, without its details. */
function outline(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const [verb = ''] = text.split(' ');
    const tables = [...new Set(text.match(/durable_\w+/g) ?? [])].map((name) => name.slice(8));
    return [verb, ...tables].join(' ');
  });
}

const settled = {
  to: 'settled',
  outcome: { status: 'completed', output: '{}', error: null, reason: null },
  hasChildren: false,
} as const;

describe('what a call costs, in statements and rows', () => {
  let opened: TestStore;

  beforeEach(async () => {
    opened = await TestStore.open();
    return () => opened.store.close();
  });

  test('a plain turn: one look at its run and one inserted row', async () => {
    const [run] = await opened.create(['r1']);
    if (!run) throw new Error('no run');
    const turn = newTurn(run, { events: [newEvent(1)] });
    expect(outline(await opened.textsOf(() => opened.store.commit([turn])))).toEqual([
      'begin',
      'select history runs',
      'insert history',
      'commit',
    ]);
  });

  test('64 plain turns: the same for each, in one transaction', async () => {
    const runs = await opened.create(Array.from({ length: 64 }, (_, i) => `r${i}`));
    const turns = runs.map((run) => newTurn(run, { events: [newEvent(1)] }));
    const texts = await opened.textsOf(() => opened.store.commit(turns));
    expect(texts).toHaveLength(2 + 2 * 64);
    expect(texts.filter((text) => text.startsWith('commit'))).toHaveLength(1);
  });

  test('the last turn of a run that nothing else concerns', async () => {
    const [run] = await opened.create(['r1']);
    if (!run) throw new Error('no run');
    const turn = newTurn(run, { events: [newEvent(1)], change: settled });
    expect(outline(await opened.textsOf(() => opened.store.commit([turn])))).toEqual([
      'begin',
      'select runs',
      'select waits',
      'select history runs',
      'insert history',
      'update runs',
      'delete ready',
      'delete inbox',
      'delete tasks',
      'select waits',
      'commit',
    ]);
  });

  test('a run that is started by its owner: one inserted row', async () => {
    const request = { runs: [newRun('r1')], claim: 'w1' };
    expect(outline(await opened.textsOf(() => opened.store.createRuns(request)))).toEqual([
      'begin',
      'insert runs',
      'commit',
    ]);
  });

  test('a claim that finds nothing takes no write lock, however many runs sleep', async () => {
    const startAt = opened.now + 60_000;
    const runs = Array.from({ length: 2_000 }, (_, i) => newRun(`r${i}`, { startAt }));
    await opened.store.createRuns({ runs, claim: null });
    const request = {
      ...{ worker: 'w1', namespace: 'default', serves: ['order@1', 'other@1'] },
      ...{ limit: 100, resync: false },
    };
    opened.driver.take();
    expect(await opened.store.claim(request)).toMatchObject({ claimed: [], nextWakeAt: startAt });
    const sent = opened.driver.take();
    expect(sent.some(({ sql }) => sql === 'begin immediate')).toBe(false);
    expect(sent.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(5);
    expect(sent.length).toBeLessThan(10);
  });

  test('a claim reads no more due rows than it takes', async () => {
    const runs = Array.from({ length: 2_000 }, (_, i) => newRun(`r${String(i).padStart(4, '0')}`));
    await opened.store.createRuns({ runs, claim: null });
    const request = {
      ...{ worker: 'w1', namespace: 'default', serves: ['order@1'] },
      ...{ limit: 10, resync: false },
    };
    opened.driver.take();
    const { claimed, more } = await opened.store.claim(request);
    expect([claimed.length, more]).toEqual([10, true]);
    expect(claimed.map(({ run }) => run.id)).toEqual(runs.slice(0, 10).map(({ id }) => id));
    expect(opened.driver.take().reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(50);
  });

  test('a mailbox of 10,000 payloads is not read for a signal, a wait or a delivery', {
    timeout: 60_000,
  }, async () => {
    const token = 'commands';
    const early = Array.from({ length: 10_000 }, (_, i) => newSignal(token, `early-${i}`));
    await opened.store.signal(early);
    const { store } = opened;
    const cost = (work: () => Promise<unknown>) => opened.rowsReadBy(work);
    expect(await cost(() => store.signal([newSignal(token, 'one more')]))).toBeLessThan(20);
    const [run] = await opened.create(['r1']);
    if (!run) throw new Error('no run');
    const waits = [{ token, position: 1, deadline: null }];
    expect(await cost(() => store.commit([newTurn(run, { waits })]))).toBeLessThan(60);
    expect(await cost(() => store.signal([newSignal(token, 'and another')]))).toBeLessThan(60);
    expect(await cost(() => store.receive(['r1']))).toBeLessThan(60);
    const consumedSignals = [{ token, position: 1, messageId: 'early-0' }];
    expect(await cost(() => store.commit([newTurn(run, { consumedSignals })]))).toBeLessThan(60);
    expect(await store.listSignals('default', token)).toHaveLength(10_001);
  });
});
