/** Workflows whose code a worker has, over real Redis: the engine's side, against a worker of which the test is the code. */
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { operation, RawWorkflows } from './raw-workflows.js';
import { freshPrefix, openClient, optionsOf, TestEngine, until } from './support.js';

const url = inject('redisUrl');
const STEP = { kind: 'step', options: {} };

describe.skipIf(url === undefined)('workflows of other processes', () => {
  const connection = optionsOf(url ?? 'redis://nowhere');
  let prefix: string;

  beforeEach(() => {
    prefix = freshPrefix();
  });

  const startWorker = () => RawWorkflows.start(connection, prefix, ['ship']);

  /** An engine that knows of the worker. */
  async function startEngine(): Promise<TestEngine> {
    const app = await TestEngine.start({ connection, prefix });
    await until(async () => {
      const started = app.engine.startRun('ship', null, { runId: 'probe' });
      return started.then(() => true).catch(() => false);
    });
    return app;
  }

  it('asks for a turn, a step, and what comes of it, with only what is new', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    const first = await worker.next('turn');
    expect(first).toMatchObject({ turn: 1, outcomes: [] });
    expect(first.start).toMatchObject({ runId: 'probe', input: 'null', lastSeq: 0 });
    await worker.answer(first, [operation(0, 1, 'pick', STEP)]);
    const task = await worker.next('task');
    expect(task).toMatchObject({ activation: first.activation, position: 1, attempt: 1 });
    await worker.finish(task, '{"shelf":7}');
    const second = await worker.next('turn');
    expect(second).toMatchObject({
      turn: 2,
      outcomes: [{ seq: 1, position: 1, kind: 'step', name: 'pick', payload: '{"shelf":7}' }],
    });
    expect(second).not.toHaveProperty('start');
    await worker.answer(second, [], { nextPosition: 2, end: { ok: true, payload: '"shipped"' } });
    expect(await app.end('probe')).toMatchObject({ status: 'completed', output: 'shipped' });
    expect(await worker.next('release')).toMatchObject({ activation: first.activation });
  });

  it('begins again, with what is recorded, on another worker when the first is gone', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    const first = await worker.next('turn');
    await worker.answer(first, [operation(0, 1, 'pick', STEP)]);
    await worker.finish(await worker.next('task'), '1');
    await worker.answer(await worker.next('turn'), [operation(1, 2, 'pack', STEP)], {
      nextPosition: 3,
    });
    const lost = await worker.next('task');
    worker.die();
    const second = await startWorker();
    const again = await second.next('turn');
    expect(again).toMatchObject({ turn: 1, start: { lastSeq: 1, maxPosition: 1 } });
    expect(again.activation).not.toBe(first.activation);
    expect(again.outcomes).toMatchObject([{ seq: 1, payload: '1' }]);
    await second.answer(again, [operation(0, 1, 'pick', STEP), operation(1, 2, 'pack', STEP)], {
      nextPosition: 3,
    });
    const task = await second.next('task');
    expect(task).toMatchObject({ position: 2, attempt: 1 });
    // The first worker's handler was not dead after all.
    await second.finish(lost, '"late"');
    await second.finish(task, '2');
    const last = await second.next('turn');
    expect(last.outcomes).toMatchObject([{ payload: '2' }]);
    await second.answer(last, [], { nextPosition: 3, end: { ok: true, payload: '2' } });
    expect(await app.end('probe')).toMatchObject({ output: 2 });
  });

  it('begins again when the worker knows nothing of it', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    const { activation, token, replyTo } = await worker.next('turn');
    await worker.send(replyTo, { v: 1, type: 'lost', activation, token: 'forged' });
    await worker.send(replyTo, { v: 1, type: 'lost', activation, token });
    expect(await worker.next('release')).toMatchObject({ activation });
    const again = await worker.next('turn');
    await worker.answer(again, [], { nextPosition: 1, end: { ok: true, payload: '1' } });
    expect(await app.end('probe')).toMatchObject({ output: 1 });
  });

  it('outlives the loss of its streams while a question is under way', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    const first = await worker.next('turn');
    await openClient(connection).del(worker.inbox, first.replyTo);
    await worker.answer(first, [operation(0, 1, 'go', { kind: 'signal', token: 'go' })]);
    await until(async () => (await app.engine.getRun('probe')).status === 'suspended');
    await app.engine.signal('go', 1);
    const second = await worker.next('turn');
    await worker.answer(second, [], { nextPosition: 2, end: { ok: true, payload: '1' } });
    expect(await app.end('probe')).toMatchObject({ output: 1 });
  });

  it('believes no answer without the token, of another turn, or out of order', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    const first = await worker.next('turn');
    const end = { nextPosition: 1, end: { ok: true, payload: '"forged"' } };
    await worker.answer({ ...first, token: 'forged' }, [], end);
    await worker.answer({ ...first, turn: 2 }, [], end);
    await worker.answer({ ...first, activation: 'other' }, [], end);
    await worker.answer(first, [operation(0, 1, 'pick', STEP)]);
    const task = await worker.next('task');
    await worker.finish({ ...task, token: 'forged' }, '"forged"');
    await worker.finish(task, '1');
    const second = await worker.next('turn');
    expect(second.outcomes).toMatchObject([{ payload: '1' }]);
    await worker.answer(second, [operation(7, 2, 'pack', STEP)], { nextPosition: 3 });
    await until(async () => (await app.engine.getRun('probe')).status === 'blocked');
    expect((await app.engine.getRun('probe')).reason).toContain('out of order');
  });

  it('asks the step to stop when the run is cancelled, and waits for what it comes to', async () => {
    const worker = await startWorker();
    const app = await startEngine();
    await worker.answer(await worker.next('turn'), [operation(0, 1, 'pick', STEP)]);
    const task = await worker.next('task');
    await app.engine.cancel('probe', 'changed my mind');
    const redis = openClient(connection);
    await until(async () =>
      (await redis.xrange(`${prefix}:default:control`, '-', '+')).some(([, [, text]]) =>
        text?.includes(`"taskIds":["${task.taskId}"]`),
      ),
    );
    const asked = await worker.next('turn');
    expect(asked.outcomes).toMatchObject([{ outcome: 'cancelRequested' }]);
    await worker.answer(asked, [], { nextPosition: 2 });
    await worker.finish(task, '"picked"');
    const last = await worker.next('turn');
    expect(last.outcomes).toMatchObject([{ payload: '"picked"' }]);
    await worker.answer(last, [], { nextPosition: 2, end: { ok: false, payload: CANCELLED } });
    await until(async () => (await app.engine.getRun('probe')).status === 'cancelled');
  });

  it('takes starts and signals of processes without a database, once each', async () => {
    const worker = await startWorker();
    const app = await TestEngine.start({ connection, prefix });
    const redis = openClient(connection);
    await until(async () => (await redis.zcard(`${prefix}:default:engines`)) > 0);
    const [engine] = await redis.zrange(`${prefix}:default:engines`, '0', '-1');
    const results = `${prefix}:default:results:${engine}`;
    const call = (callId: string, parts: object, fields: object = {}) =>
      worker.send(results, {
        ...{ v: 1, type: 'call', callId, replyTo: worker.inbox, namespace: 'default' },
        ...{ call: parts, ...fields },
      });
    const start = { method: 'start', workflow: 'pay', runId: 'by-call', input: '"o-7"' };
    await call('1', start);
    expect(await worker.next('callResult')).toMatchObject({
      ...{ callId: '1', ok: true, payload: '{"runId":"by-call","created":true}' },
    });
    await call('2', start);
    expect(await worker.next('callResult')).toMatchObject({
      payload: '{"runId":"by-call","created":false}',
    });
    await call('3', { ...start, workflow: 'nothing' });
    const refused = await worker.next('callResult');
    expect(refused).toMatchObject({ callId: '3', ok: false });
    expect(refused.payload).toContain('UnknownWorkflowError');
    for (const callId of ['4', '5']) {
      await call(callId, { method: 'signal', token: 'go', id: 's-1', payload: '7' });
      const payload = `{"accepted":${callId === '4'}}`;
      expect(await worker.next('callResult')).toMatchObject({ callId, ok: true, payload });
    }
    await call('6', start, { replyTo: `${prefix}:other:inbox:x` });
    await call('7', { ...start, runId: 'elsewhere' }, { namespace: 'other' });
    await until(() =>
      app.transport.droppedMessages.some(({ place, count }) => place === 'calls' && count === 2),
    );
    await expect(app.engine.getRun('elsewhere')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });
});

const CANCELLED =
  '{"$error":{"class":"durable/CancelledError","name":"CancelledError","message":"stopped","props":{"code":"CANCELLED","fields":{}}}}';
