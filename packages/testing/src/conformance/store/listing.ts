import type { RunFilter, RunPage } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { blocked, completed, failed, NAMESPACE, suspended } from './build.js';
import type { StoreTest } from './store-test.js';

const MAX_PAGES = 50;

/** Pages through a filter; `between` runs after each page. */
async function listIds(
  bench: StoreBench,
  { filter = { namespace: NAMESPACE } as RunFilter, limit = 100, between = async () => {} },
): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  while (pages.length === 0 || cursor !== null) {
    if (pages.length > MAX_PAGES) throw new Error('listRuns does not come to an end');
    const page: RunPage = await bench.store.listRuns(filter, limit, cursor);
    pages.push(page.runs.map((run) => run.id));
    cursor = page.cursor;
    await between();
  }
  return pages;
}

/** One run in each status, and some that differ in what a filter can ask for. */
async function mixedRuns(bench: StoreBench): Promise<void> {
  const parent = { runId: 'running', branch: 0, position: 1, closePolicy: 'cancel' } as const;
  await bench.create({ id: 'pending', tags: ['eu', 'vip'], parent });
  await bench.start('w1', { id: 'running', tags: ['vip'] });
  await bench.create({ id: 'refund', workflow: 'refund', tags: ['VIP'] });
  await bench.create({ id: 'foreign', namespace: 'elsewhere', tags: ['vip'] });
  const changes = {
    suspended: suspended(),
    blocked: blocked(),
    completed: completed(),
    failed: failed(),
  };
  for (const [id, change] of Object.entries(changes)) {
    await bench.commit(await bench.start('w1', { id }), { change });
  }
  await bench.create({ id: 'cancelled', parent });
  await bench.store.terminate({ runId: 'cancelled', reason: 'r', onlyIf: 'pending' });
}

const FILTERS: readonly [string, Omit<RunFilter, 'namespace'>, readonly string[]][] = [
  ['a workflow', { workflow: 'refund' }, ['refund']],
  ['a workflow, exactly', { workflow: 'Refund' }, []],
  ['a status', { status: ['blocked'] }, ['blocked']],
  ['several statuses', { status: ['failed', 'pending'] }, ['failed', 'pending', 'refund']],
  ['no status at all', { status: [] }, []],
  ['a tag', { tag: 'vip' }, ['pending', 'running']],
  ['a tag that is part of one', { tag: 'vi' }, []],
  ['a parent', { parentRunId: 'running' }, ['cancelled', 'pending']],
  ['all together', { tag: 'eu', parentRunId: 'running', status: ['pending'] }, ['pending']],
];

/** Lists, pages and counts of runs. */
export function describeListing(storeTest: StoreTest): void {
  describe('listRuns and countRuns', () => {
    for (const [what, filter, expected] of FILTERS) {
      storeTest(`filter by ${what}`, async (bench) => {
        await mixedRuns(bench);
        const full = { namespace: NAMESPACE, ...filter };
        const [ids = []] = await listIds(bench, { filter: full });
        expect([...ids].sort()).toEqual(expected);
        const counts = await bench.store.countRuns(full);
        expect(Object.values(counts).reduce((a, b) => a + b, 0)).toBe(expected.length);
      });
    }

    storeTest('keep namespaces apart', async (bench) => {
      await mixedRuns(bench);
      expect(await listIds(bench, { filter: { namespace: 'elsewhere' } })).toEqual([['foreign']]);
      expect(await listIds(bench, { filter: { namespace: 'Elsewhere' } })).toEqual([[]]);
      expect((await listIds(bench, {}))[0]).not.toContain('foreign');
    });

    storeTest('give whole records', async (bench) => {
      await mixedRuns(bench);
      const { runs } = await bench.store.listRuns({ namespace: NAMESPACE }, 100, null);
      const single = await Promise.all(runs.map((run) => bench.requireRun(run.id)));
      expect(runs).toEqual(single);
      expect(runs).toHaveLength(8);
    });

    storeTest('count every status', async (bench) => {
      const empty = await bench.store.countRuns({ namespace: NAMESPACE });
      const none = { pending: 0, running: 0, suspended: 0, blocked: 0 };
      expect(empty).toEqual({ ...none, completed: 0, failed: 0, cancelled: 0 });
      await mixedRuns(bench);
      expect(await bench.store.countRuns({ namespace: NAMESPACE })).toEqual({
        ...{ pending: 2, running: 1, suspended: 1, blocked: 1 },
        ...{ completed: 1, failed: 1, cancelled: 1 },
      });
    });

    storeTest('go from new to old, and by id within a millisecond', async (bench) => {
      const ids = ['b', 'a', 'c'];
      for (const id of ids) await bench.create({ id });
      await bench.advance(1);
      await bench.create({ id: 'aa' });
      expect(await listIds(bench, {})).toEqual([['aa', 'c', 'b', 'a']]);
      expect(await listIds(bench, { limit: 1 })).toEqual([['aa'], ['c'], ['b'], ['a']]);
    });

    storeTest('end with no cursor, also when the last page is full', async (bench) => {
      for (let i = 0; i < 4; i += 1) await bench.create();
      const pages = await listIds(bench, { limit: 2 });
      expect(pages.map((page) => page.length)).toEqual([2, 2]);
      expect(await bench.store.listRuns({ namespace: 'empty' }, 5, null)).toEqual({
        runs: [],
        cursor: null,
      });
    });

    storeTest(
      'neither skip nor repeat a run while others are created and deleted',
      async (bench) => {
        const ids: string[] = [];
        for (let i = 0; i < 23; i += 1) {
          ids.push((await bench.create({ id: `old-${String(i).padStart(2, '0')}` })).id);
          if (i % 4 === 0) await bench.advance(1);
        }
        const doomed = await bench.start('w1', { id: 'doomed' });
        await bench.commit(doomed, { change: completed() });
        let round = 0;
        const between = async (): Promise<void> => {
          round += 1;
          if (round === 1) await bench.store.deleteRun(doomed.id);
          if (round % 2 === 0) await bench.advance(1);
          await bench.create({ id: `zz-new-${round}` });
        };
        await bench.advance(1);
        const seen = (await listIds(bench, { limit: 4, between })).flat();
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.filter((id) => id.startsWith('old-')).sort()).toEqual(ids);
      },
    );

    storeTest('refuse a cursor that is not theirs', async (bench) => {
      await bench.create();
      const list = bench.store.listRuns({ namespace: NAMESPACE }, 5, 'not a cursor');
      await expect(list).rejects.toThrow(/cursor/);
    });
  });
}
