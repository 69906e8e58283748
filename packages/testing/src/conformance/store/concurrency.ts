import type { StateStore } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import type { StoreBench } from './bench.js';
import { buildEvent, buildTurn, completed, NAMESPACE, QUEUE, runOf, suspended } from './build.js';
import type { StoreTest } from './store-test.js';

const HANDLES = 4;
/** More than anybody needs: reaching it means that work comes back for ever. */
const MAX_CLAIMS = 10_000;

/** Claims on one handle until nothing is left, and says which runs it got. */
async function drain(store: StateStore, worker: string, limit: number): Promise<string[]> {
  const got: string[] = [];
  const request = { worker, namespace: NAMESPACE, serves: [QUEUE], limit, resync: false };
  for (let claims = 0; claims < MAX_CLAIMS; claims += 1) {
    const { claimed, more } = await store.claim(request);
    got.push(...claimed.map(({ run }) => run.id));
    if (claimed.length === 0 && !more) return got;
  }
  throw new Error('the claims do not come to an end');
}

/** Runs that each wait once at `token`, suspended. */
async function waiters(bench: StoreBench, count: number, token: string): Promise<string[]> {
  const runs = Array.from({ length: count }, () => bench.newRun());
  const created = (await bench.store.createRuns({ runs, claim: 'w1' })).map(runOf);
  const waits = [{ token, position: 1, deadline: null }];
  const turns = created.map((run) => buildTurn(run, { waits, change: suspended() }));
  await bench.store.commit(turns);
  return created.map(({ id }) => id);
}

/** Claims all woken runs, takes their payloads and ends them, until nothing is due. Returns run → payload. */
async function consumeAll(store: StateStore, worker: string): Promise<[string, string][]> {
  const taken: [string, string][] = [];
  const request = { worker, namespace: NAMESPACE, serves: [QUEUE], limit: 7, resync: false };
  for (let claims = 0; claims < MAX_CLAIMS; claims += 1) {
    const { claimed, more } = await store.claim(request);
    if (claimed.length === 0 && !more) return taken;
    for (const { run, arrivals } of claimed) {
      const [arrival] = arrivals;
      if (arrival?.type !== 'signal') throw new Error(`run ${run.id} was woken for nothing`);
      const { token, messageId, position, payload } = arrival;
      const consumedSignals = [{ token, messageId, position }];
      const turn = buildTurn(run, { consumedSignals, change: completed(payload) });
      const [answer] = await store.commit([turn]);
      if (answer?.outcome === 'committed') taken.push([run.id, payload]);
      else await store.releaseRun(run.id, worker, run.epoch);
    }
  }
  throw new Error('the claims do not come to an end');
}

/** Several processes at the same thing at the same time. */
export function describeConcurrency(storeTest: StoreTest): void {
  describe('concurrency', () => {
    storeTest('each of many runs is claimed by exactly one of many claimers', async (bench) => {
      const runs = Array.from({ length: 120 }, () => bench.newRun());
      await bench.store.createRuns({ runs, claim: null });
      const handles = await bench.handles(HANDLES);
      const claimers = [...handles, ...handles].map((store, i) => drain(store, `w${i}`, 7));
      const got = await Promise.all(claimers);
      expect(got.flat().sort()).toEqual(runs.map((run) => run.id));
      for (const [i, ids] of got.entries()) {
        for (const id of ids) {
          expect(await bench.requireRun(id)).toMatchObject({ worker: `w${i}`, epoch: 1 });
        }
      }
    });

    storeTest('two senders of one signal: one is accepted, one payload is there', async (bench) => {
      const handles = await bench.handles(2);
      const message = { namespace: NAMESPACE, token: 'cmd', id: 's1', ttlMs: 3_600_000 };
      for (let round = 0; round < 10; round += 1) {
        const signals = handles.map((store, i) =>
          store.signal([{ ...message, id: `s${round}`, payload: `"${i}"` }]),
        );
        const outcomes = (await Promise.all(signals)).flat().map((answer) => answer.outcome);
        expect(outcomes.sort()).toEqual(['accepted', 'duplicate']);
      }
      expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toHaveLength(10);
    });

    storeTest(
      '50 waits and 50 signals: none is lost, none is given twice (I6, I7)',
      async (bench) => {
        const ids = await waiters(bench, 50, 'cmd');
        const handles = await bench.handles(HANDLES);
        const message = { namespace: NAMESPACE, token: 'cmd', ttlMs: 3_600_000 };
        const payloads = Array.from({ length: 50 }, (_, i) => `"p${i}"`);
        const answers = await Promise.all(
          payloads.map((payload, i) =>
            handles[i % HANDLES]?.signal([{ ...message, id: payload, payload }]),
          ),
        );
        const woken = answers.flatMap((answer) => answer?.flatMap((item) => item.woken) ?? []);
        expect(woken.sort()).toEqual(ids);
        const order = await bench.store.listSignals(NAMESPACE, 'cmd');
        const taken = await Promise.all(handles.map((store, i) => consumeAll(store, `c${i}`)));
        const byRun = new Map(taken.flat());
        expect(taken.flat()).toHaveLength(50);
        expect(ids.map((id) => byRun.get(id))).toEqual(order.map((row) => row.payload));
        expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toEqual([]);
      },
    );

    storeTest(
      'waits and signals that come at the same time find each other (B12)',
      async (bench) => {
        const handles = await bench.handles(HANDLES);
        const message = { namespace: NAMESPACE, ttlMs: 3_600_000, payload: '1' };
        for (let round = 0; round < 25; round += 1) {
          const token = `pair-${round}`;
          const run = await bench.start('w1');
          const waits = [{ token, position: 1, deadline: null }];
          const turn = buildTurn(run, { waits, change: suspended() });
          const [waiting, sending] = [handles[round % HANDLES], handles[(round + 1) % HANDLES]];
          await Promise.all([
            waiting?.commit([turn]),
            sending?.signal([{ ...message, id: token, token }]),
          ]);
          const { claimed } = await bench.claim('w1');
          expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [{ token }] }]);
        }
      },
    );

    storeTest(
      'messages and suspensions that come at the same time find each other',
      async (bench) => {
        const handles = await bench.handles(HANDLES);
        const body = { kind: 'cancel', reason: null } as const;
        for (let round = 0; round < 25; round += 1) {
          const run = await bench.start('w1');
          const [owner, sender] = [handles[round % HANDLES], handles[(round + 1) % HANDLES]];
          await Promise.all([
            owner?.commit([buildTurn(run, { change: suspended() })]),
            sender?.deliver([{ runId: run.id, branch: null, key: 'cancel', body }]),
          ]);
          const { claimed } = await bench.claim('w1');
          expect(claimed).toMatchObject([{ run: { id: run.id }, arrivals: [{ body }] }]);
        }
      },
    );

    storeTest(
      'an owner that commits while it is taken over: one of the two wins',
      async (bench) => {
        const handles = await bench.handles(2);
        for (let round = 0; round < 10; round += 1) {
          const run = await bench.start(`w${round}`);
          await bench.heartbeat(`w${round}`, 1);
          await bench.advance(2);
          const turn = buildTurn(run, { events: [buildEvent(1)], change: completed() });
          const request = {
            limit: 10,
            maxCrashes: 10,
            probationFrom: 3,
            backoffMs: 1,
            backoffCapMs: 1,
          };
          const [commits, takeOver] = await Promise.all([
            handles[0]?.commit([turn]),
            handles[1]?.takeOver(request),
          ]);
          const isCommitted = commits?.[0]?.outcome === 'committed';
          expect(takeOver?.taken).toBe(isCommitted ? 0 : 1);
          const status = isCommitted ? 'completed' : 'running';
          expect(await bench.requireRun(run.id)).toMatchObject({ status, worker: null });
          expect(await bench.history(run.id)).toHaveLength(isCommitted ? 1 : 0);
        }
      },
    );

    storeTest(
      'completion and termination at the same time: exactly one wins (I10)',
      async (bench) => {
        const handles = await bench.handles(2);
        for (let round = 0; round < 10; round += 1) {
          const run = await bench.start('w1');
          const { id: runId } = run;
          const [commits, verb] = await Promise.all([
            handles[0]?.commit([buildTurn(run, { change: completed() })]),
            handles[1]?.terminate({ runId, reason: 'r', onlyIf: 'nonTerminal' }),
          ]);
          const isCommitted = commits?.[0]?.outcome === 'committed';
          expect(verb?.outcome).toBe(isCommitted ? 'refused' : 'done');
          const status = isCommitted ? 'completed' : 'cancelled';
          expect(await bench.requireRun(runId)).toMatchObject({ status });
        }
      },
    );

    storeTest('many children that end at the same time all tell their parent', async (bench) => {
      const parent = await bench.start('w1');
      const children = Array.from({ length: 40 }, (_, i) => {
        const ref = { runId: parent.id, branch: 0, position: i, closePolicy: 'cancel' } as const;
        return bench.newRun({ parent: ref });
      });
      await bench.commit(parent, { children, change: suspended() });
      const { claimed } = await bench.claim('w1');
      const handles = await bench.handles(HANDLES);
      await Promise.all(
        claimed.map(({ run }, i) =>
          handles[i % HANDLES]?.commit([buildTurn(run, { change: completed() })]),
        ),
      );
      expect(await bench.receive(parent.id)).toHaveLength(40);
      expect(await bench.claimIds('w2')).toEqual([parent.id]);
    });
  });
}
