import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  InMemoryStateStore,
  type RemoteTask,
  remoteStep,
  type Transport,
  type TransportHost,
  type TransportSink,
  type WorkflowCtx,
} from '../src/index.js';
import { createEngine, startEngine, until } from './harness.js';
import { wrapStore } from './support/wrap-store.js';

const charge = remoteStep({ name: 'charge', input: z.number(), output: z.number(), retries: 0 });

/** A transport to other processes, in the hands of the test. */
class ScriptedTransport implements Transport {
  readonly name = 'scripted';
  readonly reach = 'network';
  readonly dispatched: RemoteTask[] = [];
  readonly cancelled: string[] = [];
  answer: 'dispatched' | 'unserved' | Error = 'dispatched';
  sink: TransportSink | undefined;
  host: TransportHost | undefined;

  async bind(sink: TransportSink, host: TransportHost): Promise<void> {
    this.sink = sink;
    this.host = host;
  }

  async serve(): Promise<void> {}

  async dispatch(tasks: readonly RemoteTask[]) {
    this.dispatched.push(...tasks);
    const { answer } = this;
    if (answer instanceof Error) throw answer;
    return tasks.map(() => answer);
  }

  async cancel(taskIds: readonly string[]): Promise<void> {
    this.cancelled.push(...taskIds);
  }

  async close(): Promise<void> {}

  async reply(token = this.dispatched.at(-1)?.token ?? ''): Promise<void> {
    const taskId = this.dispatched.at(-1)?.id ?? '';
    const result = { attempt: 1, ok: true, payload: '7', worker: 'w', startedAt: null };
    await this.sink?.result({ taskId, token, result });
  }
}

/** With a lease so long that nothing becomes visible again by itself. */
async function start(answer: ScriptedTransport['answer']) {
  const transport = new ScriptedTransport();
  transport.answer = answer;
  const engine = await startEngine({
    store: new InMemoryStateStore(),
    transport,
    worker: { maxPoll: 20, lease: '10m' },
    namespace: 'shop',
    workflows: { wf: (ctx) => ctx.remote(charge, 5) },
  });
  const { runId } = await engine.startRun('wf', null);
  await until(() => transport.dispatched.length === 1);
  const end = () => engine.waitForRun(runId, { timeout: '10s' });
  return { engine, transport, runId, end };
}

it('tells the transport its namespace and its pace', async () => {
  const { transport } = await start('dispatched');
  expect(transport.host).toMatchObject({ namespace: 'shop', livenessMs: 5_000 });
});

it('dispatches what nobody served as soon as somebody serves that step', async () => {
  const { transport, end } = await start('unserved');
  transport.answer = 'dispatched';
  transport.sink?.served?.(['other']);
  transport.sink?.served?.(['charge']);
  await until(() => transport.dispatched.length === 2);
  transport.sink?.served?.(['charge']);
  await transport.reply();
  expect(await end()).toMatchObject({ output: 7 });
  expect(transport.dispatched).toHaveLength(2);
});

it('dispatches again, and soon, what the transport could not take', async () => {
  const { transport, end } = await start(new Error('the broker is away'));
  transport.answer = 'dispatched';
  await until(() => transport.dispatched.length === 2);
  await transport.reply();
  expect(await end()).toMatchObject({ output: 7 });
});

it('takes no result with a token that is not the one of the attempt', async () => {
  const { engine, transport, runId, end } = await start('dispatched');
  await transport.reply('f'.repeat(32));
  expect((await engine.getRun(runId)).status).not.toBe('completed');
  await transport.reply();
  expect(await end()).toMatchObject({ output: 7 });
});

it('asks the handlers of a run to stop that is ended from outside', async () => {
  const { engine, transport, runId } = await start('dispatched');
  await engine.terminate(runId, 'enough');
  await until(() => transport.cancelled.length === 1);
  expect(transport.cancelled).toEqual([transport.dispatched[0]?.id]);
});

/** An engine that dies when it has committed a cancel of its run, and before its transport has been told. */
async function dieOverCancel(store: InMemoryStateStore) {
  const transport = new ScriptedTransport();
  const engine = createEngine({
    store,
    transport,
    worker: { maxPoll: 20, lease: 150, heartbeat: 50 },
    workflows: { wf: (ctx) => ctx.remote(charge, 5) },
  });
  let isDead = false;
  transport.cancel = async () => {
    isDead = true;
    engine.kill();
  };
  await engine.start();
  const { runId } = await engine.startRun('wf', null);
  await until(() => transport.dispatched.length === 1);
  await engine.cancel(runId, 'the customer left');
  await until(() => isDead);
  return { runId, taskId: transport.dispatched[0]?.id };
}

it('asks again for the stop of what a cancel in history waits for', async () => {
  const store = new InMemoryStateStore();
  const { runId, taskId } = await dieOverCancel(store);
  const transport = new ScriptedTransport();
  const second = await startEngine({
    store,
    transport,
    worker: { maxPoll: 20, lease: 150, heartbeat: 50 },
    workflows: { wf: (ctx) => ctx.remote(charge, 5) },
  });
  await until(() => transport.cancelled.length > 0);
  expect(transport.cancelled[0]).toBe(taskId);
  const asked = transport.cancelled.length;
  // Where nobody remembers what was cancelled, whoever begins the attempt later is asked, too.
  const dispatched = transport.dispatched.length;
  await until(() => transport.dispatched.length > dispatched);
  await until(() => transport.cancelled.length > asked);
  expect(new Set(transport.cancelled)).toEqual(new Set([taskId]));
  await transport.reply();
  expect(await second.waitForRun(runId, { timeout: '5s' })).toMatchObject({ status: 'completed' });
});

it('asks only for the stop of what the cancel reaches, not of clean-up', async () => {
  const store = new InMemoryStateStore();
  const workflows = {
    wf: async (ctx: WorkflowCtx) => {
      try {
        return await ctx.waitForSignal('never');
      } finally {
        await ctx.remote(charge, 5);
      }
    },
  };
  const worker = { maxPoll: 20, lease: 150, heartbeat: 50 };
  const before = new ScriptedTransport();
  const first = createEngine({ store, transport: before, worker, workflows });
  await first.start();
  const { runId } = await first.startRun('wf', null);
  await until(async () => (await first.getRun(runId)).status === 'suspended');
  await first.cancel(runId);
  await until(() => before.dispatched.length === 1);
  first.kill();
  const transport = new ScriptedTransport();
  const second = await startEngine({ store, transport, worker, workflows });
  await until(() => transport.dispatched.length === 1);
  await transport.reply();
  expect(await second.waitForRun(runId, { timeout: '5s' })).toMatchObject({ status: 'cancelled' });
  expect(transport.cancelled).toEqual([]);
});

it('shows what nobody serves, in every process, until somebody does', async () => {
  const base = new InMemoryStateStore();
  let looks = 0;
  const watched = wrapStore(base, {
    listUnserved: (runIds) => {
      looks += 1;
      return base.listUnserved(runIds);
    },
  });
  const transport = new ScriptedTransport();
  transport.answer = 'unserved';
  const engine = await startEngine({
    store: base,
    transport,
    worker: { maxPoll: 20, lease: '10m' },
    workflows: {
      wf: (ctx) => Promise.all([ctx.remote(charge, 5), ctx.sleep('1 day')]),
      other: (ctx) => ctx.sleep('1 day'),
    },
  });
  const reader = await startEngine({ store: watched, worker: false, workflows: {} });
  const before = Date.now();
  const starts = await Promise.all([1, 2, 3].map(() => engine.startRun('wf', null)));
  const { runId: sleeper } = await engine.startRun('other', null);
  const { runId } = starts[0] ?? { runId: '' };
  const waits = async () => (await reader.getRun(runId)).waitingFor;
  await until(async () => (await waits()).some((wait) => wait.unservedSince !== undefined));
  const [remote, sleep] = await waits();
  expect(remote).toMatchObject({ kind: 'remote', name: 'charge' });
  expect(remote?.unservedSince).toBeGreaterThanOrEqual(before);
  expect(remote?.unservedSince).toBeLessThanOrEqual(Date.now());
  expect(sleep).not.toHaveProperty('unservedSince');
  await until(() => transport.dispatched.length === 3);
  const unserved = async () => {
    const { runs } = await reader.listRuns();
    return runs.flatMap(({ waitingFor }) => waitingFor.filter((wait) => wait.unservedSince));
  };
  await until(async () => (await unserved()).length === 3);
  looks = 0;
  await reader.listRuns();
  expect(looks).toBe(1);
  await reader.getRun(sleeper);
  expect(looks).toBe(1);
  // Asked again, they are as unserved as before.
  const first = await unserved();
  transport.sink?.served?.(['charge']);
  await until(() => transport.dispatched.length === 6);
  expect(await unserved()).toEqual(first);
  transport.answer = 'dispatched';
  transport.sink?.served?.(['charge']);
  await until(async () => (await unserved()).length === 0);
  expect((await waits())[0]).toMatchObject({ kind: 'remote', name: 'charge' });
});

it('counts no crash for what waits in a queue, or that nobody serves', async () => {
  const transport = new ScriptedTransport();
  const engine = await startEngine({
    store: new InMemoryStateStore(),
    transport,
    worker: { maxPoll: 20, lease: 60, heartbeat: 20, maxRemoteCrashes: 1 },
    workflows: { wf: (ctx) => ctx.remote(charge, 5) },
  });
  expect(transport.host?.maxCrashes).toBe(1);
  const { runId } = await engine.startRun('wf', null);
  await until(() => transport.dispatched.length >= 3);
  transport.answer = 'unserved';
  const dispatched = transport.dispatched.length;
  await until(() => transport.dispatched.length >= dispatched + 3);
  await transport.reply();
  expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 7 });
});
