import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { BullMqTransport } from '../src/index.js';
import { RawWorker } from './raw-worker.js';
import {
  chargeCard,
  chargeHandler,
  freshPrefix,
  type LogLine,
  loggingRuntime,
  makeHost,
  openClient,
  optionsOf,
  TestEngine,
  until,
} from './support.js';

const url = inject('redisUrl');
const STEP = chargeCard.name;

describe.skipIf(url === undefined)('messages', () => {
  const connection = optionsOf(url ?? 'redis://nowhere');
  let prefix: string;
  let redis: Redis;

  beforeEach(() => {
    prefix = freshPrefix();
    redis = openClient(connection);
  });

  async function startRaw(): Promise<RawWorker> {
    const raw = new RawWorker(connection, prefix, [STEP]);
    await raw.announce(STEP, STEP);
    return raw;
  }

  function openQueue(): Queue {
    const queue = new Queue(STEP, {
      connection: openClient(connection),
      prefix: `${prefix}:default:task`,
    });
    onTestFinished(() => queue.close());
    return queue;
  }

  const taskAt = async (raw: RawWorker, index: number) => {
    await until(() => raw.tasks.length > index);
    const task = raw.tasks[index];
    if (task === undefined) throw new Error(`there is no task ${index}`);
    return task;
  };

  describe('an attempt', () => {
    it('is over with its first result: a second one changes nothing', async () => {
      const raw = await startRaw();
      const app = await TestEngine.start({ connection, prefix });
      const runId = await app.pay();
      const task = await taskAt(raw, 0);
      await Promise.all([
        raw.reply(task),
        raw.reply(task, { payload: '{"chargeId":"twice"}' }),
        raw.reply(task, { ok: false, payload: '{"$error":{"name":"Error","message":"no"}}' }),
      ]);
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'raw' } });
      await until(async () => (await redis.xlen(task.replyTo)) === 0);
      expect(await app.outcomes(runId)).toBe(1);
    });

    it('takes no result of the attempt before it', async () => {
      const raw = await startRaw();
      const app = await TestEngine.start({ connection, prefix });
      const runId = await app.pay();
      const first = await taskAt(raw, 0);
      const failure = { ok: false, payload: '{"$error":{"name":"Error","message":"no"}}' };
      await raw.reply(first, failure);
      const second = await taskAt(raw, 1);
      expect(second).toMatchObject({ attempt: 2 });
      expect(second.token).not.toBe(first.token);
      await raw.reply(first, { payload: '{"chargeId":"late"}' });
      await raw.reply(first, { payload: '{"chargeId":"late"}', attempt: 2 });
      await raw.reply(second);
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'raw' } });
    });

    it('takes no result with another token, or of another task, and says so once', async () => {
      const raw = await startRaw();
      const app = await TestEngine.start({ connection, prefix });
      const [one, two] = [await app.pay('one'), await app.pay('two')];
      const first = await taskAt(raw, 0);
      const second = await taskAt(raw, 1);
      await raw.reply(first, { token: 'f'.repeat(32) });
      await raw.reply(first, { token: second.token });
      await raw.reply(first, { taskId: 'nobody' });
      await until(async () => (await redis.xlen(first.replyTo)) === 0);
      expect([await app.outcomes(one), await app.outcomes(two)]).toEqual([0, 0]);
      const told = app.log.filter(({ level, message }) => {
        return level !== 'debug' && message.startsWith('A result of a remote step was dropped');
      });
      expect(told).toHaveLength(1);
      await Promise.all([raw.reply(first), raw.reply(second)]);
      expect(await app.end(one)).toMatchObject({ status: 'completed' });
      expect(await app.end(two)).toMatchObject({ status: 'completed' });
    });

    it('that a broken worker answers with a payload that is none has failed, and runs again', async () => {
      const raw = await startRaw();
      const app = await TestEngine.start({ connection, prefix });
      const runId = await app.pay();
      await raw.reply(await taskAt(raw, 0), { payload: '{"chargeId":' });
      await raw.reply(await taskAt(raw, 1), { payload: '{"chargeId":7}' });
      await raw.reply(await taskAt(raw, 2));
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'raw' } });
    });

    it('whose result comes before the dispatch has returned is over all the same', async () => {
      const app = await TestEngine.start({
        connection,
        prefix,
        steps: [chargeHandler(async () => ({ chargeId: 'fast' }))],
      });
      const dispatch = app.transport.dispatch.bind(app.transport);
      const gate = Promise.withResolvers<void>();
      app.transport.dispatch = async (tasks) => {
        const outcomes = await dispatch(tasks);
        await gate.promise;
        return outcomes;
      };
      const runId = await app.pay();
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'fast' } });
      gate.resolve();
    });

    it('that lies in the queue twice has one outcome', async () => {
      let calls = 0;
      const app = await TestEngine.start({
        connection,
        prefix,
        steps: [
          chargeHandler(async () => {
            calls += 1;
            return { chargeId: `call ${calls}` };
          }),
        ],
      });
      const queue = openQueue();
      const dispatch = app.transport.dispatch.bind(app.transport);
      app.transport.dispatch = async (tasks) => {
        await queue.pause();
        const outcomes = await dispatch(tasks);
        const [job] = await queue.getJobs();
        const opts = { removeOnComplete: true, priority: 1 };
        await queue.add(STEP, job?.data, { ...opts, jobId: 'copy-1' });
        await queue.add(STEP, job?.data, { ...opts, jobId: 'copy-2' });
        await queue.resume();
        return outcomes;
      };
      const runId = await app.pay();
      const end = await app.end(runId);
      expect(end).toMatchObject({ status: 'completed' });
      await until(
        async () => (await queue.getJobCountByTypes('wait', 'active', 'prioritized')) === 0,
      );
      expect(await app.outcomes(runId)).toBe(1);
      expect(await app.engine.getRun(runId)).toMatchObject({
        output: 'output' in end ? end.output : undefined,
      });
    });
  });

  describe('what is no message', () => {
    const NONSENSE: Readonly<Record<string, string>> = {
      notJson: '{"v":1,"type":"task","taskId":"t',
      notMessage: '[1,2,3]',
      newerVersion: '{"v":2,"type":"task"}',
      unknownVersion: '{"v":"one","type":"task"}',
      unknownType: '{"v":1,"type":"teleport"}',
      invalid: '{"v":1,"type":"task","taskId":7}',
      tooDeep: '['.repeat(100_000),
      tooLarge: 'x'.repeat(20_000_000),
    };

    it('is dropped by a worker, counted, and logged once of each kind', async () => {
      const log: LogLine[] = [];
      const transport = new BullMqTransport({ connection, prefix });
      onTestFinished(() => transport.close(0));
      let called = 0;
      const handler = { name: STEP, invoke: async () => (called += 1) };
      await transport.serve([handler], 'worker', makeHost({ runtime: loggingRuntime(log) }));
      const queue = openQueue();
      // What is no JSON cannot be added by BullMQ: it is put into the jobs while the queue stands still.
      await queue.pause();
      for (let times = 0; times < 2; times += 1) {
        for (const [kind, text] of Object.entries(NONSENSE)) {
          const job = await queue.add('x', {}, { removeOnComplete: true });
          await redis.hset(queue.toKey(job.id ?? kind), 'data', text);
        }
      }
      const stolen = { ...taskFor('elsewhere'), replyTo: `${prefix}:default:workers` };
      await queue.add('x', stolen, { removeOnComplete: true });
      await queue.add('x', { ...taskFor('x'), namespace: 'other' }, { removeOnComplete: true });
      await queue.resume();
      const count = (kind: string) =>
        transport.droppedMessages.find((dropped) => dropped.kind === kind)?.count;
      await until(() => count('invalid') === 4);
      for (const kind of Object.keys(NONSENSE)) {
        await until(() => count(kind) === (kind === 'invalid' ? 4 : 2));
        const ofKind = log.filter(({ message }) => message.includes('was dropped'));
        expect(ofKind.length).toBeLessThanOrEqual(Object.keys(NONSENSE).length);
      }
      expect(called).toBe(0);
      // It is still there.
      await queue.add('x', taskFor('results:me'), { removeOnComplete: true });
      await until(() => called === 1);
      expect(await redis.xlen(`${prefix}:default:results:me`)).toBeGreaterThan(0);
    });

    it('is dropped by an engine, counted, and logged once of each kind', async () => {
      const raw = await startRaw();
      const app = await TestEngine.start({ connection, prefix });
      const runId = await app.pay();
      const task = await taskAt(raw, 0);
      for (let times = 0; times < 2; times += 1) {
        for (const text of Object.values(NONSENSE)) await raw.send(task.replyTo, text);
      }
      await redis.xadd(task.replyTo, '*', 'other', 'field');
      await until(async () => (await redis.xlen(task.replyTo)) === 0);
      const counts = app.transport.droppedMessages.map(({ kind, count }) => [kind, count]);
      expect(Object.fromEntries(counts)).toEqual({
        notJson: 3,
        notMessage: 2,
        newerVersion: 2,
        unknownVersion: 2,
        unknownType: 4,
        tooDeep: 2,
        tooLarge: 2,
      });
      const told = app.log.filter(({ message }) => message.includes("on 'results' was dropped"));
      expect(told).toHaveLength(7);
      await raw.reply(task);
      expect(await app.end(runId)).toMatchObject({ status: 'completed' });
    }, 60_000);

    it('does no harm among the news', async () => {
      const app = await TestEngine.start({
        connection,
        prefix,
        steps: [chargeHandler(async () => ({ chargeId: 'ok' }))],
      });
      for (const text of ['', '{', NONSENSE.tooDeep ?? ''])
        await redis.xadd(`${prefix}:default:control`, '*', 'm', text);
      await redis.zadd(`${prefix}:default:workers`, Date.now(), 'bad');
      await redis.set(`${prefix}:default:worker:bad`, '{"v":1,"type":"worker"}');
      expect(await app.end(await app.pay())).toMatchObject({ status: 'completed' });
      await until(() => app.transport.droppedMessages.some(({ place }) => place === 'workers'));
      await until(() => app.transport.droppedMessages.some(({ place }) => place === 'control'));
    });
  });

  function taskFor(replyTo: string): object {
    return {
      v: 1,
      type: 'task',
      taskId: 't-1',
      token: 'k',
      replyTo: `${prefix}:default:${replyTo}`,
      namespace: 'default',
      runId: 'r',
      branch: 0,
      position: 1,
      attempt: 1,
      step: STEP,
      input: '1',
      idempotencyKey: 'key',
      livenessMs: 1_000,
    };
  }
});
