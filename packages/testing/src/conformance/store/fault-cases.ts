import type { RunRecord, StateStore, Turn } from '@dudousxd/nestjs-durable-core';
import type { StoreBench } from './bench.js';
import {
  blocked,
  buildEvent,
  buildTask,
  buildTurn,
  completed,
  failed,
  NAMESPACE,
  QUEUE,
  suspended,
} from './build.js';

/** An operation that writes in several places, and what has to be there before. */
export interface FaultCase {
  readonly name: string;
  /** Brings an empty store to the point before the operation. Doing the operation twice must be harmless. */
  prepare(bench: StoreBench): Promise<(store: StateStore) => Promise<unknown>>;
}

/** A run with everything in it that a turn can touch, and the turn that touches it. */
async function prepareTurn(bench: StoreBench, change: Turn['change']): Promise<Turn[]> {
  const run = await bench.start('w1', { id: 'main', parent: parentRef('mother') });
  const others = [
    await bench.start('w2', { id: 'mother' }),
    await bench.start('w2', { id: 'next' }),
  ];
  const waits = [{ token: 'cmd', position: 1, deadline: null }];
  const children = [bench.newRun({ id: 'kid', parent: parentRef('main') })];
  await bench.commit(run, {
    events: [buildEvent(1)],
    waits,
    tasks: [buildTask(run, 'old')],
    children,
  });
  for (const other of others) await bench.commit(other, { waits, change: suspended() });
  await bench.signal('cmd', { id: 's1' });
  await bench.signal('cmd', { id: 's2' });
  await bench.sendCancel('main');
  const inbox = (await bench.receive('main')).filter((arrival) => arrival.type === 'inbox');
  return [buildTurn(run, { ...writesOf(bench, run), consumedInbox: inbox.map(idOf), change })];
}

function writesOf(bench: StoreBench, run: RunRecord): Partial<Turn> {
  const body = { kind: 'cancel', reason: null } as const;
  return {
    events: [buildEvent(2), buildEvent(3)],
    consumedSignals: [{ token: 'cmd', messageId: 's1', position: 1 }],
    waits: [{ token: 'other', position: 2, deadline: null }],
    tasks: [buildTask(run, 'new', { position: 3 })],
    endedTasks: ['old'],
    children: [bench.newRun({ id: 'kid-2', parent: parentRef('main', 4) })],
    messages: [{ runId: 'next', branch: null, key: 'cancel', body }],
  };
}

function parentRef(runId: string, position = 1) {
  return { runId, branch: 0, position, closePolicy: 'terminate' } as const;
}

/** A retried run that starts a child again, which has ended in the meantime. */
async function prepareRestart(bench: StoreBench): Promise<Turn[]> {
  const first = await bench.start('w1', { id: 'main' });
  const children = [bench.newRun({ id: 'kid', parent: parentRef('main') })];
  await bench.commit(first, { children, change: failed() });
  await bench.store.terminate({ runId: 'kid', reason: 'r', onlyIf: 'nonTerminal' });
  const { id: runId, branch, epoch } = first;
  await bench.store.retry({ runId, branch, epoch, events: [] });
  const run = await bench.claimRun('main');
  return [buildTurn(run, { events: [buildEvent(1)], children, change: suspended() })];
}

function idOf(arrival: { readonly messageId: string }): string {
  return arrival.messageId;
}

function turnCase(name: string, change: Turn['change']): FaultCase {
  return {
    name: `commit (${name})`,
    async prepare(bench) {
      const turns = await prepareTurn(bench, change);
      return (store) => store.commit(turns);
    },
  };
}

const CLAIM = { worker: 'w9', namespace: NAMESPACE, serves: [QUEUE], limit: 10, resync: false };
const TAKE_OVER = { limit: 10, probationFrom: 3, backoffMs: 10, backoffCapMs: 99, maxCrashes: 10 };

/** The operations that are tried with a fault at each of their statements. */
export const FAULT_CASES: readonly FaultCase[] = [
  turnCase('run goes on', null),
  turnCase('suspended', suspended(1)),
  turnCase('completed', completed('"o"', true)),
  turnCase('failed', failed('"e"', true)),
  turnCase('blocked', blocked()),
  {
    name: 'commit (a child that has ended is started again)',
    async prepare(bench) {
      const turns = await prepareRestart(bench);
      return (store) => store.commit(turns);
    },
  },
  {
    name: 'createRuns',
    async prepare(bench) {
      const runs = [bench.newRun({ tags: ['a', 'b'] })];
      return (store) => store.createRuns({ runs, claim: null });
    },
  },
  {
    name: 'claim',
    async prepare(bench) {
      const run = await bench.create();
      await bench.sendCancel(run.id);
      return (store) => store.claim(CLAIM);
    },
  },
  {
    name: 'deliver',
    async prepare(bench) {
      const { id: runId } = await bench.start();
      const body = { kind: 'cancel', reason: null } as const;
      return (store) => store.deliver([{ runId, branch: null, key: 'cancel', body }]);
    },
  },
  {
    name: 'signal',
    async prepare(bench) {
      const run = await bench.start();
      const waits = [{ token: 'cmd', position: 1, deadline: null }];
      await bench.commit(run, { waits, change: suspended() });
      const message = { namespace: NAMESPACE, token: 'cmd', id: 's1', payload: '1', ttlMs: 1_000 };
      return (store) => store.signal([message]);
    },
  },
  {
    name: 'completeTasks',
    async prepare(bench) {
      const run = await bench.start();
      await bench.commit(run, { tasks: [buildTask(run, 'task')], change: suspended() });
      const result = { attempt: 1, ok: true, payload: '1', worker: 'py', startedAt: null };
      const report = { taskId: 'task', token: 'token-of-task', result };
      return (store) => store.completeTasks([report]);
    },
  },
  {
    name: 'takeOver',
    async prepare(bench) {
      await bench.start('w1');
      await bench.heartbeat('w1', 1);
      await bench.advance(2);
      return (store) => store.takeOver(TAKE_OVER);
    },
  },
  {
    name: 'beginProbation',
    async prepare(bench) {
      const runs = [await bench.start('w1'), await bench.start('w1')];
      const requests = runs.map(({ id: runId, epoch }) => ({
        runId,
        worker: 'w1',
        epoch,
        crashes: 4,
      }));
      return (store) => store.beginProbation(requests);
    },
  },
  {
    name: 'releaseWorker',
    async prepare(bench) {
      await bench.start('w1');
      return (store) => store.releaseWorker('w1');
    },
  },
  {
    name: 'releaseRun',
    async prepare(bench) {
      const run = await bench.start('w1');
      return (store) => store.releaseRun(run.id, 'w1', run.epoch);
    },
  },
  {
    name: 'terminate',
    async prepare(bench) {
      await prepareTurn(bench, null);
      return (store) => store.terminate({ runId: 'main', reason: 'r', onlyIf: 'nonTerminal' });
    },
  },
  {
    name: 'retry',
    async prepare(bench) {
      const run = await bench.start();
      await bench.commit(run, { events: [buildEvent(1)], change: failed() });
      const { id: runId, branch, epoch } = run;
      return (store) => store.retry({ runId, branch, epoch, events: [buildEvent(1)] });
    },
  },
  {
    name: 'deleteRun',
    async prepare(bench) {
      const run = await bench.start();
      await bench.commit(run, { events: [buildEvent(1)], change: completed() });
      return (store) => store.deleteRun(run.id);
    },
  },
];
