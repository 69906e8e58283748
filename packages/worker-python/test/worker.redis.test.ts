import { InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import { Queue } from 'bullmq';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { startCrashable } from '../../../scripts/services/crashable-server.mjs';
import { freshPrefix, openClient, TestEngine, until } from './support.js';
import { PythonWorker } from './worker-process.js';

const url = inject('redisUrl') ?? 'redis://nowhere';

describe.skipIf(inject('redisUrl') === undefined || inject('python') === undefined)(
  'a worker in Python',
  () => {
    let prefix: string;
    const startWorker = (of = url) => PythonWorker.start(of, prefix);
    const startEngine = (options = {}) => TestEngine.start(url, prefix, options);

    beforeEach(() => {
      prefix = freshPrefix();
    });

    it("serves the landing page's contract, with no change to the workflow", async () => {
      await startWorker();
      const app = await startEngine();
      const runs = await Promise.all(['a', 'b', 'c'].map((orderId) => app.pay(orderId)));
      const ends = await Promise.all(runs.map((runId) => app.end(runId)));
      expect(ends).toMatchObject([
        { output: { chargeId: 'ch-a' } },
        { output: { chargeId: 'ch-b' } },
        { output: { chargeId: 'ch-c' } },
      ]);
    });

    it('takes and gives every kind of JSON value', async () => {
      await startWorker();
      const app = await startEngine();
      const values: unknown[] = [
        true,
        false,
        0,
        -1,
        0.1,
        1e-320,
        -1.5e300,
        Number.MAX_SAFE_INTEGER,
        '',
        'é€😀\u0000\u2028"\\',
        '\ud800',
        [],
        {},
        [1, [2, [3, { a: [null] }]]],
        { '': 1, 'a.b': null, ['__proto__']: 2, constructor: { $date: 1 } },
        { $date: '2026-01-01T00:00:00.000Z' },
        { $$: { $: 'undefined' } },
        'x'.repeat(300_000),
        Array.from({ length: 5_000 }, (_, n) => ({ n })),
      ];
      const end = await app.end(await app.call('values.echo', values));
      expect(end).toMatchObject({ status: 'completed' });
      expect('output' in end ? end.output : end).toEqual(values);
      for (const value of [null, 7, 'text', undefined]) {
        const alone = await app.end(await app.call('values.echo', value));
        // Python has one nothing. A step without an output type gives it back as undefined.
        expect('output' in alone ? alone.output : alone).toEqual(value ?? undefined);
      }
    });

    it('serves steps of any name', async () => {
      await startWorker();
      const app = await startEngine();
      const end = await app.end(await app.call('any name: 100 % é', 7));
      expect(end).toMatchObject({ output: 7 });
    });

    it('leaves out what is undefined, and refuses what is no JSON, with the place', async () => {
      await startWorker();
      const app = await startEngine();
      const sparse = await app.end(await app.call('values.echo', { a: 1, b: undefined }));
      expect('output' in sparse ? sparse.output : sparse).toStrictEqual({ a: 1 });
      const dated = await app.end(await app.call('values.echo', { at: [new Date(0)] }));
      expect(dated).toMatchObject({
        status: 'failed',
        error: {
          code: 'UNDECODABLE',
          message: expect.stringContaining("$.at[0] is a value of kind '$date'"),
        },
      });
    });

    it('checks the input before the function, for good', async () => {
      const child = await startWorker();
      const app = await startEngine();
      const runId = await app.call('values.strict', { n: 'many' });
      expect(await app.end(runId)).toMatchObject({
        status: 'failed',
        error: {
          name: 'SchemaValidationError',
          code: 'INVALID_INPUT',
          message: expect.stringContaining('n: '),
        },
      });
      expect(await app.outcomes(runId)).toBe(1);
      expect(child.lines.filter((line) => line.startsWith('strict'))).toEqual([]);
    });

    it('checks the output after it: each attempt fails, and the error names the field', async () => {
      const child = await startWorker();
      const app = await startEngine();
      expect(await app.end(await app.pay('wrong'))).toMatchObject({
        status: 'failed',
        error: { code: 'INVALID_OUTPUT', message: expect.stringContaining('chargeId') },
      });
      expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(3);
    });

    describe('an error', () => {
      it('arrives with its name, message, traceback and cause, after all attempts', async () => {
        const child = await startWorker();
        const app = await startEngine();
        const end = await app.end(await app.call('errors.raise', { kind: 'plain' }));
        expect(end).toMatchObject({
          status: 'failed',
          error: {
            name: 'ValueError',
            message: 'no such order',
            stack: expect.stringContaining('e2e_worker.py'),
            cause: { name: 'KeyError' },
          },
        });
        expect(child.lines.filter((line) => line.startsWith('raise'))).toHaveLength(3);
      });

      it('that is fatal is not retried, and is the subclass that it was', async () => {
        const child = await startWorker();
        const app = await startEngine();
        expect(await app.end(await app.call('errors.raise', { kind: 'fatal' }))).toMatchObject({
          status: 'failed',
          error: { name: 'StolenCardError', code: 'FATAL', fields: { card: '4242' } },
        });
        expect(child.lines.filter((line) => line.startsWith('raise'))).toHaveLength(1);
      });

      it('that is retryable is retried after its own time', async () => {
        await startWorker();
        const app = await startEngine();
        const end = await app.end(await app.call('errors.raise', { kind: 'retryable' }));
        expect(end).toMatchObject({ output: 2 });
      });

      it('says where the output is no JSON, for good', async () => {
        const child = await startWorker();
        const app = await startEngine();
        expect(await app.end(await app.call('errors.raise', { kind: 'output' }))).toMatchObject({
          status: 'failed',
          error: { code: 'UNSERIALIZABLE_VALUE', fields: { path: '$.when' } },
        });
        expect(child.lines.filter((line) => line.startsWith('raise'))).toHaveLength(1);
      });
    });

    it('ends an attempt that takes too long', async () => {
      const child = await startWorker();
      const app = await startEngine();
      expect(await app.end(await app.call('flow.slow', null))).toMatchObject({
        status: 'failed',
        error: { code: 'STEP_TIMEOUT' },
      });
      expect(child.lines.filter((line) => line.startsWith('slow'))).toEqual(['slow 1', 'slow 2']);
    });

    it('gives the progress of an attempt to the next, with the same key', async () => {
      await startWorker();
      const app = await startEngine();
      const runId = await app.call('flow.progress', 7);
      const end = await app.end(runId);
      expect(end).toMatchObject({
        output: { progress: { page: 7 }, key: expect.stringContaining(runId) },
      });
    });

    it('tells the handler of a cancel, and the engine of what came of it', async () => {
      const child = await startWorker();
      const app = await startEngine();
      const [obeys, ends] = [
        await app.call('flow.wait', 'raise'),
        await app.call('flow.wait', 'go'),
      ];
      await child.says('waiting raise');
      await child.says('waiting go');
      await Promise.all([app.engine.cancel(obeys), app.engine.cancel(ends)]);
      await child.says('cancelled raise True');
      await child.says('cancelled go True');
      await Promise.all([app.end(obeys), app.end(ends)]);
      expect((await app.engine.getRun(obeys)).status).toBe('cancelled');
      const history = await app.engine.history(ends);
      expect(JSON.stringify(history)).toContain('charged');
    });

    it('is known when it comes, and when it goes', async () => {
      const app = await startEngine({ leaseMs: 60_000 });
      const runId = await app.pay('a');
      await until(async () => (await app.engine.getRun(runId)).status === 'suspended');
      const child = await startWorker();
      expect(await app.end(runId)).toMatchObject({ status: 'completed' });
      const redis = openClient(url);
      expect(await redis.keys(`${prefix}:default:worker:*`)).toHaveLength(1);
      expect(await child.kill('SIGTERM')).toBe(0);
      expect(await redis.keys(`${prefix}:default:worker:*`)).toHaveLength(0);
      expect(child.lines.at(-1)).toBe('ended []');
    });

    it('gives back what it has not done by its deadline, and another begins it at once', async () => {
      const first = await startWorker();
      const app = await startEngine({ leaseMs: 60_000 });
      const runId = await app.pay('hold');
      await first.says('began hold 1');
      const second = await startWorker();
      expect(await first.kill('SIGTERM')).toBe(0);
      await second.says('began hold 1');
      second.release();
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
      expect(await app.outcomes(runId)).toBe(1);
    });

    it('ends at once with a second SIGTERM', async () => {
      const child = await startWorker();
      const app = await startEngine();
      await app.pay('hold');
      await child.says('began hold 1');
      child.signal('SIGTERM');
      await until(() => child.errors.includes('SIGTERM: ending in order'));
      expect(await child.kill('SIGTERM')).toBeNull();
    });

    it('that is killed in the middle is followed by another, with one outcome', async () => {
      const first = await startWorker();
      const app = await startEngine();
      const runId = await app.pay('hold');
      await first.says('began hold 1');
      await first.kill();
      const second = await startWorker();
      await second.says('began hold 1');
      second.release();
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
      expect(await app.outcomes(runId)).toBe(1);
    });

    it('is not asked again for an attempt that has killed as many processes as may be', async () => {
      const app = await startEngine({ maxRemoteCrashes: 1 });
      const first = await startWorker();
      const runId = await app.pay('hold');
      await first.says('began hold 1');
      await first.kill();
      const second = await startWorker();
      await second.says('began hold 2');
      second.release();
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
      const [, failed] = await app.engine.history(runId);
      expect(failed).toMatchObject({ type: 'attemptFailed', error: { code: 'REMOTE_CRASH' } });
      expect(second.lines).not.toContain('began hold 1');
    });

    it('answers another engine when its own dies', async () => {
      const child = await startWorker();
      const store = new InMemoryStateStore();
      const first = await startEngine({ store });
      const runId = await first.pay('hold');
      await child.says('began hold 1');
      first.engine.kill();
      await first.transport.close(0);
      const second = await startEngine({ store });
      child.release();
      expect(await second.end(runId)).toMatchObject({ status: 'completed' });
      expect(await second.outcomes(runId)).toBe(1);
      expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(1);
    });

    describe('with a Redis of its own', () => {
      async function withServer(
        test: (server: Awaited<ReturnType<typeof startCrashable>>) => Promise<void>,
      ): Promise<void> {
        const server = await startCrashable('redis');
        try {
          await test(server);
        } finally {
          await server.stop();
        }
      }

      it('ends once after FLUSHALL in the middle, and goes on', { timeout: 60_000 }, () =>
        withServer(async ({ url: own }) => {
          const child = await startWorker(own);
          const app = await TestEngine.start(own, prefix);
          const runId = await app.pay('hold');
          await child.says('began hold 1');
          await openClient(own).flushall();
          child.release();
          expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
          expect(await app.outcomes(runId)).toBe(1);
          expect(await app.end(await app.pay('next'))).toMatchObject({ status: 'completed' });
          expect(await child.kill('SIGTERM')).toBe(0);
          await app.engine.stop();
        }),
      );

      it('ends once after Redis was away for a while, and goes on', { timeout: 60_000 }, () =>
        withServer(async (server) => {
          const child = await startWorker(server.url);
          const app = await TestEngine.start(server.url, prefix, { leaseMs: 20_000 });
          const runId = await app.pay('hold');
          await child.says('began hold 1');
          await server.crash();
          child.release();
          await until(() => child.errors.includes('Redis is away'));
          await new Promise((resolve) => setTimeout(resolve, 2_000)); // How long it is away.
          await server.restart();
          expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
          expect(await app.outcomes(runId)).toBe(1);
          expect(await app.end(await app.pay('next'))).toMatchObject({ status: 'completed' });
          expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(2);
          const told = child.errors.split('\n').filter((line) => line.includes('Redis is'));
          expect(told).toEqual([
            expect.stringContaining('Redis is away'),
            expect.stringContaining('Redis is back'),
          ]);
          await app.engine.stop();
        }),
      );

      it('ends in order though Redis is away', { timeout: 60_000 }, () =>
        withServer(async (server) => {
          const child = await startWorker(server.url);
          await server.crash();
          await until(() => child.errors.includes('Redis is away'));
          expect(await child.kill('SIGTERM')).toBe(0);
        }),
      );
    });

    it('keeps the rate of its queue, and the pace', async () => {
      const child = await startWorker();
      const app = await startEngine();
      const beganAt = performance.now();
      const runs = await Promise.all([1, 2, 3, 4, 5].map((n) => app.call('rate.limited', n)));
      await Promise.all(runs.map((runId) => app.end(runId)));
      // Two in 500 ms: the third pair has to wait for a second.
      expect(performance.now() - beganAt).toBeGreaterThan(900);
      const times = child.lines.flatMap((line) => /^limited (\d+)$/.exec(line)?.[1] ?? []);
      const [first = 0, last = 0] = [Number(times[0]), Number(times.at(-1))];
      expect(last - first).toBeGreaterThan(900);
      expect(last - first).toBeLessThan(4_500);
    });

    it('leaves tasks of its queue that it does not serve to others', async () => {
      const child = await startWorker();
      const app = await startEngine();
      // Another worker of the queue, which serves more, has announced itself and then died.
      const redis = openClient(url);
      const steps = [{ name: 'values.unserved', queue: 'values' }];
      const sdk = { name: 'raw', version: '1' };
      const raw = { v: 1, type: 'worker', worker: 'raw', startedAt: Date.now(), sdk, steps };
      await redis.set(`${prefix}:default:worker:raw`, JSON.stringify(raw), 'PX', 60_000);
      await redis.zadd(`${prefix}:default:workers`, Date.now(), 'raw');
      await redis.xadd(`${prefix}:default:control`, '*', 'm', JSON.stringify(raw));
      const runId = await app.call('values.unserved', 1);
      await until(() => child.errors.includes("has tasks of step 'values.unserved'"));
      expect(await app.end(await app.call('values.echo', 7))).toMatchObject({ output: 7 });
      await until(async () => (await app.engine.getRun(runId)).status === 'suspended');
      await app.engine.terminate(runId);
    });

    it('drops what is no message, counts it, and says so once of each kind', async () => {
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
      const redis = openClient(url);
      const queue = new Queue('values', {
        connection: openClient(url),
        prefix: `${prefix}:default:task`,
      });
      onTestFinished(() => queue.close());
      // What is no JSON cannot be added by BullMQ: it is put into the jobs before anybody takes them.
      for (let times = 0; times < 2; times += 1) {
        for (const text of Object.values(NONSENSE)) {
          const job = await queue.add('x', {}, { removeOnComplete: true });
          await redis.hset(queue.toKey(job.id ?? ''), 'data', text);
        }
      }
      const child = await startWorker();
      const app = await startEngine();
      expect(await app.end(await app.call('values.echo', 7))).toMatchObject({ output: 7 });
      await until(
        async () => (await queue.getJobCountByTypes('wait', 'active', 'prioritized')) === 0,
      );
      expect(await child.kill('SIGTERM')).toBe(0);
      const counts = Object.keys(NONSENSE).sort();
      expect(child.lines.at(-1)).toBe(
        `ended ${JSON.stringify(counts.map((kind) => [kind, 2])).replaceAll(',', ', ')}`,
      );
      expect(child.errors.match(/was dropped/g)).toHaveLength(counts.length);
    });
  },
);
