import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepHandler, TaskResult } from '@dudousxd/nestjs-durable-core';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { startCrashable } from '../../../scripts/services/crashable-server.mjs';
import { BullMqTransport, type BullMqTransportOptions } from '../src/index.js';
import {
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

describe.skipIf(url === undefined)('BullMqTransport', () => {
  const connection = optionsOf(url ?? 'redis://nowhere');
  let prefix: string;

  beforeEach(() => {
    prefix = freshPrefix();
  });

  function open(options: Partial<BullMqTransportOptions> = {}): BullMqTransport {
    const transport = new BullMqTransport({ connection, prefix, ...options });
    onTestFinished(() => transport.close(0));
    return transport;
  }

  async function openEngine(options: Partial<BullMqTransportOptions> = {}, namespace?: string) {
    const results: TaskResult[] = [];
    const sink = {
      result: async (result: TaskResult) => void results.push(result),
      heartbeat() {},
    };
    const transport = open(options);
    await transport.bind(sink, makeHost(namespace === undefined ? {} : { namespace }));
    return { transport, results };
  }

  const codec = makeHost().codec;
  let tasks = 0;
  function task(step: string, parts: object = {}) {
    tasks += 1;
    return {
      id: `task-${tasks}`,
      namespace: 'default',
      runId: `run-${tasks}`,
      branch: 0,
      position: 1,
      attempt: 1,
      step,
      token: `token-${tasks}`,
      input: codec.encode(tasks),
      idempotencyKey: `key-${tasks}`,
      timeoutMs: null,
      heartbeatTimeoutMs: null,
      priority: 0,
      progress: null,
      ...parts,
    };
  }

  const handlers = (...names: string[]): StepHandler[] =>
    names.map((name) => ({ name, invoke: async (input) => input }));

  it('takes a client, makes connections of its own, and leaves the client alone', async () => {
    const client = new Redis({ ...connection, maxRetriesPerRequest: 3, replyMapping: 'legacy' });
    onTestFinished(() => client.disconnect());
    const { transport, results } = await openEngine({ connection: client });
    await transport.serve(handlers('echo'), 'w', makeHost());
    await transport.dispatch([task('echo')]);
    await until(() => results.length === 1);
    await transport.close(1_000);
    expect(await client.ping()).toBe('PONG');
  });

  it('leaves no connection behind when it is closed', async () => {
    const name = `t-${prefix}`;
    const { transport } = await openEngine({ connection: { ...connection, connectionName: name } });
    await transport.serve(handlers('a', 'b'), 'w', makeHost());
    const client = openClient(connection);
    const mine = async () =>
      String(await client.client('LIST'))
        .split('\n')
        .filter((line) => line.includes(name) || line.includes(`name=${prefix}`)).length;
    expect(await mine()).toBeGreaterThan(2);
    await transport.close(1_000);
    await until(async () => (await mine()) === 0);
  });

  it('keeps namespaces, and prefixes, apart', async () => {
    const one = await openEngine({}, 'one');
    const other = await openEngine({ prefix: freshPrefix() }, 'one');
    const worker = open();
    await worker.serve(handlers('echo'), 'w', makeHost({ namespace: 'two' }));
    expect(await one.transport.dispatch([task('echo')])).toEqual(['unserved']);
    expect(await other.transport.dispatch([task('echo')])).toEqual(['unserved']);
    const two = await openEngine({}, 'two');
    const outcome = await two.transport.dispatch([task('echo', { namespace: 'two' })]);
    expect(outcome).toEqual(['dispatched']);
    await until(() => two.results.length === 1);
    expect(one.results).toEqual([]);
  });

  it('sends the steps of a named queue by that queue, and others by their own', async () => {
    const worker = open({
      queues: [{ name: 'money', steps: ['pay.*', 'refund'] }],
    });
    const { transport, results } = await openEngine();
    const steps = ['pay.card', 'pay:wire', 'refund', 'pay.cash', 'ship 100%'];
    await worker.serve(handlers(...steps), 'w', makeHost());
    await transport.dispatch(steps.map((step) => task(step)));
    await until(() => results.length === steps.length);
    const client = openClient(connection);
    const events = await client.keys(`${prefix}:default:task:*:events`);
    const queues = events.map((key) => key.slice(`${prefix}:default:task:`.length, -7)).sort();
    expect(queues).toEqual(['money', 'pay%3Awire', 'ship 100%25']);
  });

  it('leaves a task of its queue that it does not serve to a worker that does', async () => {
    const queues = [{ name: 'money', steps: ['*'] }];
    const log: LogLine[] = [];
    const [old, young] = [open({ queues }), open({ queues })];
    const { transport, results } = await openEngine();
    await old.serve(handlers('pay'), 'old', makeHost({ runtime: loggingRuntime(log) }));
    await young.serve(handlers('pay', 'refund'), 'young', makeHost());
    await transport.dispatch(Array.from({ length: 20 }, () => task('refund')));
    await until(() => results.length === 20);
    expect(results.every(({ result }) => result.worker === 'young' && result.ok)).toBe(true);
    expect(log.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(1);
  });

  it('runs no more of a queue at once than its concurrency', async () => {
    let [running, most] = [0, 0];
    const invoke = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    };
    const worker = open({ concurrency: 3 });
    const { transport, results } = await openEngine();
    await worker.serve([{ name: 'slow', invoke }], 'w', makeHost());
    await transport.dispatch(Array.from({ length: 30 }, () => task('slow')));
    await until(() => results.length === 30);
    expect(most).toBe(3);
  });

  it('begins no more tasks than the rate allows', async () => {
    const worker = open({ limiter: { max: 2, durationMs: 400 } });
    const { transport, results } = await openEngine();
    const began: number[] = [];
    const invoke = async () => void began.push(Date.now());
    await worker.serve([{ name: 'limited', invoke }], 'w', makeHost());
    await transport.dispatch(Array.from({ length: 6 }, () => task('limited')));
    await until(() => results.length === 6);
    const [first = 0, last = 0] = [began.at(0), began.at(-1)];
    expect(last - first).toBeGreaterThan(700);
  });

  it('begins tasks of a larger priority first, and others in their order', async () => {
    const order: unknown[] = [];
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const invoke = async (input: unknown) => {
      order.push(input);
      started.resolve();
      await gate.promise;
    };
    const worker = open({ concurrency: 1 });
    const { transport, results } = await openEngine();
    await worker.serve([{ name: 'one', invoke }], 'w', makeHost());
    const send = (name: string, priority: number) =>
      transport.dispatch([task('one', { input: codec.encode(name), priority })]);
    await send('first', 0);
    await started.promise;
    for (const [name, priority] of [
      ['low', -5],
      ['a', 0],
      ['b', 0],
      ['top', 100],
      ['up', 1],
    ] as const)
      await send(name, priority);
    gate.resolve();
    await until(() => results.length === 6);
    expect(order).toEqual(['first', 'top', 'up', 'a', 'b', 'low']);
  });

  it('does not begin what was cancelled while it was waiting', async () => {
    const calls: unknown[] = [];
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const invoke = async (input: unknown) => {
      calls.push(input);
      started.resolve();
      await gate.promise;
    };
    const worker = open({ concurrency: 1 });
    const { transport, results } = await openEngine();
    await worker.serve([{ name: 'one', invoke }], 'w', makeHost());
    const [first, second, third] = [task('one'), task('one'), task('one')];
    await transport.dispatch([first, second, third]);
    await started.promise;
    await transport.cancel([second.id], 'no longer wanted');
    // A worker that comes later is told too.
    await worker.close(0);
    const late = open({ concurrency: 1 });
    gate.resolve();
    await late.serve([{ name: 'one', invoke }], 'late', makeHost());
    await until(() => results.length === 3);
    expect(calls).not.toContain(codec.decode(second.input));
    const answer = results.find(({ taskId }) => taskId === second.id);
    expect(codec.decodeError(answer?.result.payload ?? '')).toMatchObject({ code: 'CANCELLED' });
  });

  it('drops a task that nobody has asked for in a long time, and runs one that is still wanted', async () => {
    const calls: unknown[] = [];
    const invoke = async (input: unknown) => void calls.push(input);
    const worker = open();
    const { transport, results } = await openEngine();
    const queue = new Queue('old', {
      connection: openClient(connection),
      prefix: `${prefix}:default:task`,
    });
    onTestFinished(() => queue.close());
    await worker.serve([{ name: 'old', invoke }], 'w', makeHost());
    await queue.pause();
    const wanted = task('old');
    await transport.dispatch([wanted]);
    const [job] = await queue.getJobs();
    const client = openClient(connection);
    const hoursAgo = Date.now() - 5 * 3_600_000;
    await client.hset(queue.toKey(job?.id ?? ''), 'timestamp', hoursAgo);
    const data = { ...job?.data, taskId: 'over', token: 'over' };
    await queue.add('old', data, { timestamp: hoursAgo, priority: 1, removeOnComplete: true });
    await queue.resume();
    await until(() => results.length === 1);
    await until(async () => (await queue.getJobCountByTypes('active', 'prioritized')) === 0);
    expect(calls).toEqual([codec.decode(wanted.input)]);
  });

  it('adds no second job of an attempt that waits', async () => {
    const worker = open();
    const { transport } = await openEngine();
    await worker.serve(handlers('idle'), 'w', makeHost());
    const queue = new Queue('idle', {
      connection: openClient(connection),
      prefix: `${prefix}:default:task`,
    });
    onTestFinished(() => queue.close());
    await queue.pause();
    const one = task('idle');
    for (let times = 0; times < 5; times += 1) await transport.dispatch([one, one]);
    expect(await queue.getPrioritizedCount()).toBe(1);
  });

  it('fails an attempt whose message is too large to be read, in both directions', async () => {
    const small = { maxMessageBytes: 20_000 };
    const worker = open(small);
    const { transport, results } = await openEngine(small);
    await worker.serve([{ name: 'big', invoke: async () => 'x'.repeat(30_000) }], 'w', makeHost());
    await transport.dispatch([task('big', { input: codec.encode('x'.repeat(30_000)) })]);
    await until(() => results.length === 1);
    await transport.dispatch([task('big')]);
    await until(() => results.length === 2);
    for (const { result } of results) {
      expect(codec.decodeError(result.payload)).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    }
  });

  it('ends in time though Redis is gone and a result waits for it', async () => {
    const server = await startCrashable('redis');
    try {
      const gate = Promise.withResolvers<void>();
      const started = Promise.withResolvers<void>();
      const invoke = async () => {
        started.resolve();
        await gate.promise;
      };
      const { transport } = await openEngine({ connection: optionsOf(server.url) });
      await transport.serve([{ name: 'slow', invoke }], 'w', makeHost());
      await transport.dispatch([task('slow')]);
      await started.promise;
      await server.crash();
      gate.resolve();
      const began = performance.now();
      await transport.close(200);
      expect(performance.now() - began).toBeLessThan(15_000);
    } finally {
      await server.stop();
    }
  });

  it('starts without Redis, says so, refuses tasks at once, and ends in time', async () => {
    const log: LogLine[] = [];
    const nowhere = { host: '127.0.0.1', port: 1 };
    const transport = open({ connection: nowhere });
    const host = makeHost({ runtime: loggingRuntime(log) });
    await transport.serve(handlers('echo'), 'w', host);
    await transport.bind({ result: async () => {}, heartbeat: () => {} }, host);
    await expect(transport.dispatch([task('echo')])).rejects.toThrow('Redis cannot be reached');
    expect(log.filter(({ level }) => level === 'warn')).toHaveLength(1);
    const began = performance.now();
    await transport.close(100);
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('warns of settings that lose tasks', async () => {
    const client = openClient(connection);
    const before = (await client.config('GET', 'maxmemory-policy')) as string[];
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    onTestFinished(async () => {
      await client.config('SET', 'maxmemory-policy', before[1] ?? 'noeviction');
    });
    const log: LogLine[] = [];
    const transport = open();
    await transport.serve(handlers('x'), 'w', makeHost({ runtime: loggingRuntime(log) }));
    await until(() =>
      log.some(({ message }) => message.includes('maxmemory-policy is allkeys-lru')),
    );
    expect(log.some(({ message }) => message.includes('appendonly'))).toBe(false);
  });

  it('announces who it is', async () => {
    const worker = open({ queues: [{ name: 'q', steps: ['b'] }] });
    await worker.serve(handlers('a', 'b'), 'worker-7', makeHost());
    const client = openClient(connection);
    const text = await client.get(`${prefix}:default:worker:worker-7`);
    const manifest = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8');
    expect(JSON.parse(text ?? '')).toEqual({
      v: 1,
      type: 'worker',
      worker: 'worker-7',
      startedAt: expect.any(Number),
      sdk: { name: 'node', version: JSON.parse(manifest).version },
      steps: [
        { name: 'a', queue: 'a' },
        { name: 'b', queue: 'q' },
      ],
    });
    expect(await client.pttl(`${prefix}:default:worker:worker-7`)).toBeGreaterThan(0);
  });

  it('shares the work of a run among engines and workers in one process', async () => {
    const app = await TestEngine.start({
      connection,
      prefix,
      steps: [chargeHandler(async ({ orderId }) => ({ chargeId: orderId }))],
    });
    const runs = await Promise.all(Array.from({ length: 50 }, (_, index) => app.pay(`o-${index}`)));
    const ends = await Promise.all(runs.map((runId) => app.end(runId)));
    expect(ends.map((end) => 'output' in end && end.output)).toEqual(
      runs.map((_, index) => ({ chargeId: `o-${index}` })),
    );
  });
});
