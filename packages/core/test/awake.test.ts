/** Results of remote steps that find their run awake: they are recorded with what follows, and never lie in the inbox. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  InMemoryStateStore,
  type RemoteTask,
  remoteStep,
  type StateStore,
  type Transport,
  type TransportSink,
  type WorkflowCtx,
} from '../src/index.js';
import { hasStatus, quietRuntime, startEngine, until } from './harness.js';
import { gate, wrapStore } from './support/wrap-store.js';

const charge = remoteStep({
  ...{ name: 'charge', input: z.number(), output: z.number() },
  retry: { initialDelay: 1, jitter: 'none' },
});

const wf = async (ctx: WorkflowCtx) => [
  await ctx.remote(charge, 1),
  await ctx.remote(charge, 2),
  await ctx.remote(charge, 3),
];

/** A transport to workers of which the test is the handler. */
class Workers implements Transport {
  readonly name = 'workers';
  readonly reach = 'network';
  readonly tasks: RemoteTask[] = [];
  onTask: (task: RemoteTask) => void = () => {};
  #sink: TransportSink | undefined;

  async bind(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  async serve(): Promise<void> {}

  async dispatch(tasks: readonly RemoteTask[]) {
    this.tasks.push(...tasks);
    for (const task of tasks) queueMicrotask(() => this.onTask(task));
    return tasks.map(() => 'dispatched' as const);
  }

  async cancel(): Promise<void> {}

  async close(): Promise<void> {}

  async reply(task: RemoteTask | undefined, parts: object = {}): Promise<void> {
    if (task === undefined) throw new Error('there is no such task');
    const { id: taskId, token, attempt } = task;
    const result = { attempt, ok: true, payload: task.input, worker: 'w', startedAt: null };
    await this.#sink?.result({ taskId, token, result: { ...result, ...parts } });
  }
}

/** Counts what reaches the store. */
function counting(base: StateStore) {
  const counts = { turns: 0, completed: 0, taken: 0 };
  const store = wrapStore(base, {
    commit: (turns) => {
      counts.turns += turns.length;
      return base.commit(turns);
    },
    completeTasks: (results) => {
      counts.completed += results.length;
      return base.completeTasks(results);
    },
    takeTasks: async (request) => {
      const taken = await base.takeTasks(request);
      counts.taken += taken.tasks.length;
      return taken;
    },
  });
  return { store, counts };
}

async function start(store: StateStore, workflow = wf) {
  const transport = new Workers();
  const engine = await startEngine({
    ...{ store, transport, runtime: quietRuntime, workflows: { wf: workflow } },
    worker: { maxPoll: 20, lease: '10m', heartbeat: 50 },
  });
  const { runId } = await engine.startRun('wf', null);
  await until(() => transport.tasks.length === 1);
  return { engine, transport, runId };
}

it('costs one commit for each step, and one for the start of the first', async () => {
  const { store, counts } = counting(new InMemoryStateStore());
  const transport = new Workers();
  transport.onTask = (task) => void transport.reply(task);
  const engine = await startEngine({ store, transport, workflows: { wf } });
  const { runId } = await engine.startRun('wf', null);
  expect(await engine.waitForRun(runId)).toMatchObject({ output: [1, 2, 3] });
  expect(counts).toEqual({ turns: 4, completed: 0, taken: 0 });
});

it('tells the worker that its result was taken when that is durable, and not before', async () => {
  const base = new InMemoryStateStore();
  const door = gate();
  door.open();
  let holding = false;
  const store = wrapStore(base, {
    commit: async (turns) => {
      if (holding) await door.opened;
      return base.commit(turns);
    },
  });
  const { transport, engine, runId } = await start(store);
  const shut = gate();
  Object.assign(door, shut);
  holding = true;
  let isTold = false;
  const told = transport.reply(transport.tasks[0]).then(() => {
    isTold = true;
  });
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  expect(isTold).toBe(false);
  expect(await base.history([{ runId, branch: 0, after: 1 }])).toEqual([[]]);
  shut.open();
  await told;
  const [events = []] = await base.history([{ runId, branch: 0, after: 1 }]);
  expect(events).toMatchObject([{ type: 'completed' }, { type: 'scheduled' }]);
  await engine.stop();
});

it('falls asleep after a while, and its results come by the inbox then', async () => {
  const { store, counts } = counting(new InMemoryStateStore());
  const { transport, engine, runId } = await start(store);
  expect((await engine.getRun(runId)).status).toBe('running');
  await hasStatus(engine, runId, 'suspended');
  transport.onTask = (task) => void transport.reply(task);
  await transport.reply(transport.tasks[0]);
  expect(await engine.waitForRun(runId)).toMatchObject({ output: [1, 2, 3] });
  expect(counts.completed).toBe(1);
});

it('takes the first of two results, and none of an attempt that is over', async () => {
  const { transport, engine, runId } = await start(new InMemoryStateStore());
  const [task] = transport.tasks;
  const failed = '{"$error":{"name":"Error","message":"declined"}}';
  await Promise.all([
    transport.reply(task, { ok: false, payload: failed }),
    transport.reply(task, { payload: '100' }),
  ]);
  await until(() => transport.tasks.length === 2);
  expect(transport.tasks[1]).toMatchObject({ attempt: 2 });
  await transport.reply(task, { payload: '100' });
  transport.onTask = (next) => void transport.reply(next);
  await transport.reply(transport.tasks[1]);
  expect(await engine.waitForRun(runId)).toMatchObject({ output: [1, 2, 3] });
  const outcomes = (await engine.history(runId)).filter(({ position }) => position === 1);
  expect(outcomes.map(({ type }) => type)).toEqual([
    ...['scheduled', 'attemptFailed', 'scheduled', 'completed'],
  ]);
});

it.each(['conflict', 'fenced'] as const)(
  'comes by the inbox when its turn is answered %s',
  async (answer) => {
    const base = new InMemoryStateStore();
    let refused = 0;
    const { store, counts } = counting(
      wrapStore(base, {
        commit: async (turns) => {
          const isFirst = refused === 0 && turns.some(({ endedTasks }) => endedTasks.length > 0);
          if (!isFirst) return base.commit(turns);
          refused += 1;
          return turns.map(() => ({ outcome: answer, woken: [] }));
        },
      }),
    );
    const { transport, engine, runId } = await start(store);
    transport.onTask = (task) => void transport.reply(task);
    await transport.reply(transport.tasks[0]);
    expect(await engine.waitForRun(runId, { timeout: '10s' })).toMatchObject({ output: [1, 2, 3] });
    expect(refused).toBe(1);
    expect(counts.completed).toBe(1);
    const history = await engine.history(runId);
    expect(history.filter(({ type }) => type === 'completed')).toHaveLength(3);
  },
);
