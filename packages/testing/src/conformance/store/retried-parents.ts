import type { ClosePolicy, NewRun, RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import { describe, expect } from 'vitest';
import { only, type StoreBench } from './bench.js';
import { blocked, buildEvent, completed, failed, suspended } from './build.js';
import type { StoreTest } from './store-test.js';

interface KidOptions extends Partial<NewRun> {
  readonly position?: number;
  readonly closePolicy?: ClosePolicy;
}

/** The child `kid`, as operation 3 of `parent` starts it. */
function kidOf(bench: StoreBench, parent: RunRecord, options: KidOptions = {}): NewRun {
  const { position = 3, closePolicy = 'abandon', ...overrides } = options;
  const ref = { runId: parent.id, branch: parent.branch, position, closePolicy };
  return bench.newRun({ id: 'kid', parent: ref, ...overrides });
}

/** Puts a run that has failed or is blocked on a new branch, and claims it. */
async function retryAndClaim(bench: StoreBench, { id: runId }: RunRecord): Promise<RunRecord> {
  const { branch, epoch } = await bench.requireRun(runId);
  await bench.store.retry({ runId, branch, epoch, events: [buildEvent(1)] });
  return bench.claimRun(runId);
}

/** A run on its second branch, whose first branch has started `kid`. */
async function retriedParent(bench: StoreBench, options: KidOptions = {}): Promise<RunRecord> {
  const first = await bench.start('w1');
  await bench.commit(first, { children: [kidOf(bench, first, options)], change: failed() });
  return retryAndClaim(bench, first);
}

async function endKid(bench: StoreBench, change: Turn['change']): Promise<readonly string[]> {
  const kid = await bench.requireRun('kid');
  const owned = kid.worker === null ? await bench.claimRun('kid', 'w2') : kid;
  const { woken } = await bench.commit(owned, { events: [buildEvent(1)], change });
  return woken;
}

async function terminateKid({ store }: StoreBench): Promise<readonly string[]> {
  const answer = await store.terminate({ runId: 'kid', reason: 'r', onlyIf: 'nonTerminal' });
  return answer.outcome === 'done' ? answer.woken : [];
}

interface End {
  /** Answers with the runs that it has woken. */
  readonly end: (bench: StoreBench) => Promise<readonly string[]>;
  /** What the parent is told of it. */
  readonly outcome: object;
}

const nothing = { output: null, error: null, reason: null };
const COMPLETED: End = {
  end: (bench) => endKid(bench, completed('"out"')),
  outcome: { ...nothing, status: 'completed', output: '"out"' },
};
const ENDS: Readonly<Record<string, End>> = {
  completed: COMPLETED,
  failed: {
    end: (bench) => endKid(bench, failed('"err"')),
    outcome: { ...nothing, status: 'failed', error: '"err"' },
  },
  terminated: {
    end: terminateKid,
    outcome: { ...nothing, status: 'cancelled', reason: 'r' },
  },
};

function arrivalOf(outcome: object): object {
  return { type: 'inbox', body: { kind: 'child', position: 3, childRunId: 'kid', outcome } };
}

interface Stranger {
  readonly why: string;
  /** How the error says it. */
  readonly differs: string;
  readonly options?: KidOptions;
  readonly isOfRival?: boolean;
}

/** Runs that have the child's id and are not the child. */
const STRANGERS: readonly Stranger[] = [
  { why: 'workflow', differs: 'workflow', options: { workflow: 'refund' } },
  { why: 'input', differs: 'input', options: { inputDigest: 'another digest' } },
  { why: 'operation of the parent', differs: 'parent', options: { position: 4 } },
  { why: 'parent', differs: 'parent', isOfRival: true },
];

/** A retried run is on a new branch: it is told of its children, those that an older branch has started included. */
export function describeRetriedParents(storeTest: StoreTest): void {
  describe('a child ends after its parent was retried', () => {
    for (const [name, { end, outcome }] of Object.entries(ENDS)) {
      storeTest(`and tells the parent on its new branch (${name})`, async (bench) => {
        const parent = await retriedParent(bench);
        await bench.commit(parent, { change: suspended() });
        expect(await end(bench)).toEqual([parent.id]);
        const { claimed } = await bench.claim('w1');
        const run = { id: parent.id, branch: 1 };
        expect(claimed).toMatchObject([{ run, arrivals: [arrivalOf(outcome)] }]);
      });
    }

    storeTest('what it told the parent before is still there', async (bench) => {
      const first = await bench.start('w1');
      await bench.commit(first, { children: [kidOf(bench, first)], change: blocked() });
      await COMPLETED.end(bench);
      const { id } = await retryAndClaim(bench, first);
      expect(await bench.receive(id)).toMatchObject([arrivalOf(COMPLETED.outcome)]);
    });

    storeTest('is not closed by the end of the new branch', async (bench) => {
      const parent = await retriedParent(bench, { closePolicy: 'terminate' });
      await bench.commit(parent, { change: completed('"o"', true) });
      expect(await bench.requireRun('kid')).toMatchObject({ status: 'running' });
    });
  });

  describe('commit: a child that an older branch has started', () => {
    storeTest('is the same child: it goes on, and tells the parent at its end', async (bench) => {
      const parent = await retriedParent(bench);
      const kid = await bench.requireRun('kid');
      const children = [kidOf(bench, parent, { version: '2', seed: 'other', tags: ['new'] })];
      const answer = await bench.commit(parent, { children, change: suspended() });
      expect(answer).toEqual({ outcome: 'committed', woken: [] });
      expect(await bench.requireRun('kid')).toEqual(kid);
      expect(await bench.receive(parent.id)).toEqual([]);
      expect(await COMPLETED.end(bench)).toEqual([parent.id]);
      expect(await bench.receive(parent.id)).toHaveLength(1);
    });

    for (const [name, { end, outcome }] of Object.entries(ENDS)) {
      storeTest(`gives its outcome at once if it has ended (${name})`, async (bench) => {
        const first = await bench.start('w1');
        await bench.commit(first, { children: [kidOf(bench, first)], change: failed() });
        expect(await end(bench)).toEqual([]);
        const kid = await bench.requireRun('kid');
        const parent = await retryAndClaim(bench, first);
        expect(await bench.receive(parent.id)).toEqual([]);
        const children = [kidOf(bench, parent)];
        const answer = await bench.commit(parent, { children, change: suspended() });
        expect(answer).toEqual({ outcome: 'committed', woken: [parent.id] });
        const { claimed } = await bench.claim('w1');
        const run = { id: parent.id };
        expect(claimed).toMatchObject([{ run, arrivals: [arrivalOf(outcome)] }]);
        expect(await bench.requireRun('kid')).toEqual(kid);
      });
    }

    storeTest('wakes the owner of a parent that goes on', async (bench) => {
      const parent = await retriedParent(bench);
      await COMPLETED.end(bench);
      const consumedInbox = [only(await bench.receive(parent.id)).messageId];
      await bench.commit(parent, { consumedInbox });
      const { woken } = await bench.commit(parent, { children: [kidOf(bench, parent)] });
      expect(woken).toEqual([parent.id]);
      expect((await bench.claim('w1')).wakes).toEqual([parent.id]);
      expect(await bench.receive(parent.id)).toHaveLength(1);
    });

    storeTest('tells once what lies in the inbox already', async (bench) => {
      const parent = await retriedParent(bench);
      await COMPLETED.end(bench);
      await bench.commit(parent, { children: [kidOf(bench, parent)] });
      expect(await bench.receive(parent.id)).toHaveLength(1);
    });

    storeTest('leaves nothing behind in a parent that ends with the turn', async (bench) => {
      const parent = await retriedParent(bench);
      await COMPLETED.end(bench);
      const turn = { children: [kidOf(bench, parent)], change: completed('"o"', true) };
      expect(await bench.commit(parent, turn)).toEqual({ outcome: 'committed', woken: [] });
      expect(await bench.claim('w1')).toMatchObject({ claimed: [], wakes: [], nextWakeAt: null });
      expect(await bench.receive(parent.id)).toEqual([]);
    });

    for (const { why, differs, options, isOfRival = false } of STRANGERS) {
      storeTest(`is another run if it is of another ${why}: the child fails`, async (bench) => {
        const rival = await bench.start('w3');
        const first = await bench.start('w1');
        const stranger = kidOf(bench, isOfRival ? rival : first, options);
        await bench.store.createRuns({ runs: [stranger], claim: null });
        await bench.commit(first, { change: failed() });
        await terminateKid(bench);
        const parent = await retryAndClaim(bench, first);
        const { woken } = await bench.commit(parent, { children: [kidOf(bench, parent)] });
        expect(woken).toEqual([parent.id]);
        const arrival = only(await bench.receive(parent.id));
        const outcome = { status: 'failed', output: null, reason: null };
        expect(arrival).toMatchObject(arrivalOf(outcome));
        const text = JSON.stringify(arrival).replaceAll('\\', '');
        expect(text).toContain('RUN_CONFLICT');
        expect(text).toContain(`another ${differs}`);
        const [, existing, asked] = /\("([^"]*)", not "([^"]*)"\)/.exec(text) ?? [];
        if (differs !== 'input') expect(existing).not.toBe(asked);
      });
    }
  });
}
