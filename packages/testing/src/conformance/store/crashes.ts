import type { RunRecord } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { buildEvent, suspended } from './build.js';
import type { StoreTest } from './store-test.js';

const LEASE_MS = 1_000;

const PROBATION_FROM = 3;

/** As the engine begins a run that it has claimed. */
async function begin(bench: StoreBench, { id, worker, epoch, crashes }: RunRecord): Promise<void> {
  if (crashes < PROBATION_FROM) return;
  const request = { runId: id, worker: worker ?? '', epoch, crashes: crashes + 1 };
  await bench.store.beginProbation([request]);
}

/**
 * Lets a new worker claim the run, begin it and die on it; `work` happens in between. Returns the run after the take-over.
 */
async function crash(
  bench: StoreBench,
  runId: string,
  work: (run: RunRecord) => Promise<unknown> = async () => undefined,
  begins = true,
): Promise<RunRecord> {
  const worker = `mortal-${bench.now}`;
  await bench.heartbeat(worker, LEASE_MS);
  const { claimed } = await bench.claim(worker);
  const run = claimed.find((item) => item.run.id === runId)?.run;
  if (!run) throw new Error(`run ${runId} was not claimable`);
  if (begins) await begin(bench, run);
  await work(run);
  await bench.advance(LEASE_MS + 1);
  await bench.takeOver();
  return bench.requireRun(runId);
}

/** How long from now the run can be claimed again, by the word of the ready list. */
async function delayOf(bench: StoreBench): Promise<number> {
  const { nextWakeAt } = await bench.claim('observer', { limit: 0 });
  if (nextWakeAt === null) throw new Error('nothing is ready');
  return nextWakeAt - bench.now;
}

/** Ruling 8: a run that kills its workers backs off, and is blocked in the end; progress resets the count. */
export function describeCrashes(storeTest: StoreTest): void {
  describe('takeOver: crash accounting', () => {
    storeTest(
      'delays the third claim without progress, and doubles from there up to the cap',
      async (bench) => {
        const { id } = await bench.create();
        const delays: number[] = [];
        for (let crashes = 1; crashes <= 9; crashes += 1) {
          expect(await crash(bench, id)).toMatchObject({
            crashes,
            status: 'running',
            worker: null,
          });
          delays.push(await delayOf(bench));
          await bench.advance(delays.at(-1) ?? 0);
        }
        expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
      },
    );

    storeTest('counts a run on probation only when it has begun', async (bench) => {
      const { id } = await bench.create();
      for (let crashes = 1; crashes <= 4; crashes += 1) {
        expect(await crash(bench, id)).toMatchObject({ crashes });
        await bench.advance(60_000);
      }
      for (let claims = 1; claims <= 20; claims += 1) {
        const waited = await crash(bench, id, undefined, false);
        expect(waited).toMatchObject({ crashes: 4, status: 'running' });
        expect(await delayOf(bench)).toBe(4_000);
        await bench.advance(60_000);
      }
      const late = async ({ worker, epoch }: RunRecord) => {
        const request = { runId: id, worker: worker ?? '', epoch: epoch - 1, crashes: 9 };
        await bench.store.beginProbation([request]);
        await bench.store.beginProbation([{ ...request, worker: 'another', epoch }]);
      };
      expect(await crash(bench, id, late)).toMatchObject({ crashes: 5 });
    });

    storeTest(
      'blocks the run at the last crash, and retry gives it all chances again',
      async (bench) => {
        const { id } = await bench.create();
        await crash(bench, id);
        const worker = 'last';
        await bench.heartbeat(worker, LEASE_MS);
        const { epoch } = await bench.claimRun(id, worker);
        await bench.heartbeat(worker, LEASE_MS);
        await bench.sendCancel(id);
        await bench.advance(LEASE_MS + 1);
        expect(await bench.takeOver({ maxCrashes: 2 })).toEqual({
          taken: 1,
          blocked: 1,
          more: false,
          nextExpiryAt: null,
        });
        const stuck = await bench.requireRun(id);
        const expected = {
          status: 'blocked',
          worker: null,
          crashes: 2,
          epoch: epoch + 1,
          error: null,
        };
        expect(stuck).toMatchObject({ ...expected, reason: expect.stringContaining('2 times') });
        expect(await bench.claim('w2')).toMatchObject({ claimed: [], nextWakeAt: null });
        const request = { runId: id, branch: 0, epoch: stuck.epoch, events: null };
        expect(await bench.store.retry(request)).toMatchObject({ outcome: 'done' });
        expect(await crash(bench, id)).toMatchObject({ status: 'running', crashes: 1 });
      },
    );

    storeTest('starts from one after a turn that recorded something', async (bench) => {
      const { id } = await bench.create();
      await crash(bench, id);
      expect(await crash(bench, id)).toMatchObject({ crashes: 2 });
      await bench.advance(60_000);
      const record = (run: RunRecord) => bench.commit(run, { events: [buildEvent(1)] });
      expect(await crash(bench, id, record)).toMatchObject({ crashes: 1 });
      expect(await delayOf(bench)).toBe(0);
      expect(await crash(bench, id)).toMatchObject({ crashes: 2 });
    });

    storeTest('starts from nothing after a suspension', async (bench) => {
      const { id } = await bench.create();
      await crash(bench, id);
      await crash(bench, id);
      await bench.advance(60_000);
      const run = await bench.claimRun(id);
      expect(run.crashes).toBe(2);
      await bench.commit(run, { change: suspended(bench.now) });
      expect(await bench.requireRun(id)).toMatchObject({ crashes: 0 });
      expect(await crash(bench, id)).toMatchObject({ crashes: 1 });
    });

    storeTest('holds the delay against a wake that was there before', async (bench) => {
      const { id } = await bench.create();
      await crash(bench, id);
      await crash(bench, id, () => bench.sendCancel(id));
      expect(await delayOf(bench)).toBe(1_000);
      await bench.advance(1_000);
      const { claimed } = await bench.claim('w2');
      expect(claimed).toMatchObject([{ run: { id }, arrivals: [{ type: 'inbox' }] }]);
    });
  });
}
