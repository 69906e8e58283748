/** Workflows whose code a Python process has, against a real engine and a real Redis. */
import { createHmac } from 'node:crypto';
import { InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { startCrashable } from '../../../scripts/services/crashable-server.mjs';
import { freshPrefix, openClient, TestEngine, until } from './support.js';
import { PythonWorker, type WorkerSettings } from './worker-process.js';

const url = inject('redisUrl') ?? 'redis://nowhere';

describe.skipIf(inject('redisUrl') === undefined || inject('python') === undefined)(
  'workflows in Python',
  () => {
    let prefix: string;
    const startWorker = (settings: WorkerSettings = {}, of = url) =>
      PythonWorker.start(of, prefix, settings, 'e2e_workflows.py');
    const startEngine = (options = {}) => TestEngine.start(url, prefix, options);

    beforeEach(() => {
      prefix = freshPrefix();
    });

    it('run steps here and elsewhere, and sleep, with typed values', async () => {
      const child = await startWorker();
      await PythonWorker.start(url, prefix);
      const app = await startEngine();
      await app.start('fulfilment', { orderId: 'o', cents: 41 }, 'r');
      expect(await app.end('r')).toMatchObject({
        status: 'completed',
        output: { shelf: 'shelf of o', chargeId: 'ch-o' },
      });
      expect(child.lines.filter((line) => line.startsWith('pick'))).toEqual([
        'pick o 1 default:r:0:1',
      ]);
      expect(child.errors.match(/fulfilling o/g)).toHaveLength(1);
    });

    it('fail for an input that does not fit, and say where', async () => {
      await startWorker();
      const app = await startEngine();
      await app.start('fulfilment', { orderId: 7 }, 'r');
      expect(await app.end('r')).toMatchObject({
        status: 'failed',
        error: { code: 'INVALID_INPUT', message: expect.stringContaining('orderId') },
      });
    });

    it('wait for signals, also by a client in Python, which starts runs too', async () => {
      const child = await startWorker();
      const app = await startEngine();
      await app.start('approve', 'warm', 'warm');
      child.tell('start approve "a" r');
      await child.says('started r True');
      child.tell('start approve "a" r');
      await child.says('started r False');
      child.tell('start approve "b" r');
      await child.says('refused RunConflictError');
      child.tell('start nothing "b" s');
      await child.says('refused UnknownWorkflowError');
      child.tell('signal approved:a true s-1');
      await child.says('accepted True');
      child.tell('signal approved:a false s-1');
      await child.says('accepted False');
      expect(await app.end('r')).toMatchObject({ output: [true, 'never:a'] });
    });

    it('have children in both languages, and are children', async () => {
      await startWorker();
      const app = await startEngine();
      await app.start('parent', 'py-child', 'a');
      await app.start('parent', 'ts-child', 'b');
      await app.start('ts-parent', null, 'c');
      const output = ['direct of True', 'detached of True', 'the child fails', 'FatalError'];
      expect(await app.end('a')).toMatchObject({ output });
      expect(await app.end('b')).toMatchObject({
        output: ['direct of true', 'detached of true', 'the child fails', 'FatalError'],
      });
      expect(await app.end('c')).toMatchObject({
        output: {
          output: 'direct of True',
          fatal: true,
          message: expect.stringContaining('fails'),
        },
      });
      expect(await app.end('a-child')).toMatchObject({ status: 'completed' });
    });

    it('withdraw what loses a race, and what they cancel', async () => {
      const child = await startWorker();
      const app = await startEngine();
      await app.start('race', null, 'r');
      expect(await app.end('r')).toMatchObject({ output: ['quick', ['quick']] });
      await child.says('slow cancelled True');
    });

    it('fail with the error that they raise, after the attempts', async () => {
      const child = await startWorker();
      const app = await startEngine();
      await app.start('errors', 'plain', 'plain');
      expect(await app.end('plain')).toMatchObject({
        status: 'failed',
        error: {
          name: 'ValueError',
          message: 'no such order',
          stack: expect.stringContaining('e2e_workflows.py'),
        },
      });
      expect(child.lines).toEqual(expect.arrayContaining(['fails 1', 'fails 2']));
      await app.start('errors', 'fatal', 'fatal');
      expect(await app.end('fatal')).toMatchObject({
        status: 'failed',
        error: { name: 'FatalError', code: 'FATAL', fields: { card: 1 } },
      });
      expect(child.count('fails')).toBe(3);
      await app.start('errors', 'caught', 'caught');
      expect(await app.end('caught')).toMatchObject({ output: ['ValueError', 'no such order'] });
      await app.start('exits', null, 'exits');
      expect(await app.end('exits')).toMatchObject({ error: { name: 'SystemExit' } });
      expect(child.errors).not.toContain('Traceback');
    });

    it('are blocked for what does not replay', async () => {
      const child = await startWorker();
      const app = await startEngine();
      await app.start('broken', null, 'broken');
      await app.start('stalled', null, 'stalled');
      await until(async () => (await app.status('broken')) === 'blocked');
      await until(async () => (await app.status('stalled')) === 'blocked');
      expect(JSON.stringify(await app.engine.getRun('broken'))).toContain('no threads');
      expect(child.count('pick first')).toBe(1);
    });

    it('draw the numbers that core draws', async () => {
      await startWorker();
      const app = await startEngine();
      await app.start('waits', 'go', 'r');
      await app.engine.signal('go', 7);
      const end = await app.end('r');
      const seed = await app.seed('r');
      const derive = (text: string) => createHmac('sha256', seed).update(text).digest();
      expect(end).toMatchObject({ status: 'completed' });
      const [first, value, last, [random, uuid]] = (end as { output: never[] })
        .output as unknown as [string, number, string, [number, string]];
      expect([first, value, last]).toEqual(['shelf of first', 7, 'shelf of last']);
      expect(random).toBe(derive('random:1').readUIntBE(0, 6) / 2 ** 48);
      expect(uuid.replaceAll('-', '').slice(0, 12)).toBe(
        derive('uuid:2').toString('hex').slice(0, 12),
      );
    });

    describe('when they are cancelled', () => {
      it('clean up', async () => {
        const child = await startWorker();
        const app = await startEngine();
        await app.start('cancelled', null, 'r');
        await until(async () => (await app.status('r')) === 'suspended');
        await app.engine.cancel('r');
        await until(async () => (await app.status('r')) === 'cancelled');
        expect(child.lines).toEqual(
          expect.arrayContaining(['cancelled True', 'refunded', 'finally']),
        );
      });

      it('wait for what comes of a running step', async () => {
        const child = await startWorker();
        const app = await startEngine();
        await app.start('cancelled-step', null, 'r');
        await child.says('obeys 1');
        await app.engine.cancel('r');
        await until(async () => (await app.status('r')) === 'cancelled');
        expect(child.count('obeys')).toBe(1);
      });
    });

    describe('survive', () => {
      it('the death of the worker in the middle of a step', async () => {
        const first = await startWorker();
        const app = await startEngine();
        await app.start('hold', 'r', 'r');
        await first.says('pick hold r 1 default:r:0:2');
        await first.kill();
        const second = await startWorker();
        await second.says('pick hold r 1 default:r:0:2');
        second.release();
        expect(await app.end('r')).toMatchObject({
          output: ['shelf of before', 'shelf of hold r', 'shelf of after'],
        });
        expect([first.count('pick before'), second.count('pick before')]).toEqual([1, 0]);
      });

      it('the end of the worker in order, without waiting for silence', async () => {
        const first = await startWorker();
        const app = await startEngine({ leaseMs: 60_000 });
        await app.start('hold', 'r', 'r');
        await first.says('pick hold r 1 default:r:0:2');
        const second = await startWorker();
        expect(await first.kill('SIGTERM')).toBe(0);
        await second.says('pick hold r 1 default:r:0:2');
        second.release();
        expect(await app.end('r')).toMatchObject({ status: 'completed' });
        expect(first.errors).not.toContain('Traceback');
      });

      it('the death of the engine in the middle of a step', async () => {
        const child = await startWorker();
        const store = new InMemoryStateStore();
        const first = await startEngine({ store });
        await first.start('hold', 'r', 'r');
        await child.says('pick hold r 1 default:r:0:2');
        first.engine.kill();
        await first.transport.close(0);
        const second = await startEngine({ store });
        child.release();
        expect(await second.end('r')).toMatchObject({
          output: ['shelf of before', 'shelf of hold r', 'shelf of after'],
        });
        expect(child.count('pick before')).toBe(1);
        expect(child.count('pick after')).toBe(1);
      });

      it('being forgotten by the worker: it gets again what is recorded', async () => {
        const child = await startWorker({ residentIdle: 1 });
        const app = await startEngine();
        const runs = ['a', 'b', 'c'];
        for (const run of runs) await app.start('waits', `go ${run}`, run);
        await until(() => forgotten(child) === 3);
        for (const run of runs) await app.engine.signal(`go ${run}`, run);
        for (const run of runs) {
          const end = await app.end(run);
          expect(end).toMatchObject({ status: 'completed' });
          expect((end as { output: unknown[] }).output[1]).toBe(run);
        }
        expect([child.count('pick first'), child.count('pick last')]).toEqual([3, 3]);
        expect(child.count('runs')).toBe(6);
        expect(child.errors).not.toMatch(/GeneratorExit|Task was destroyed|Traceback/);
      });

      it('FLUSHALL in the middle', { timeout: 60_000 }, async () => {
        const server = await startCrashable('redis');
        try {
          const child = await startWorker({}, server.url);
          const app = await TestEngine.start(server.url, prefix);
          await app.start('hold', 'r', 'r');
          await app.start('waits', 'go', 'w');
          await child.says('pick hold r 1 default:r:0:2');
          await until(async () => (await app.status('w')) === 'suspended');
          await openClient(server.url).flushall();
          child.release();
          await app.engine.signal('go', 1);
          expect(await app.end('r')).toMatchObject({ status: 'completed' });
          expect(await app.end('w')).toMatchObject({ status: 'completed' });
          expect(child.count('pick after')).toBe(1);
          expect(await child.kill('SIGTERM')).toBe(0);
          await app.engine.stop();
        } finally {
          await server.stop();
        }
      });
    });

    describe('with other code than they were started with', () => {
      async function deploy(code: string): Promise<{ app: TestEngine; worker: PythonWorker }> {
        const first = await startWorker();
        const app = await startEngine();
        await app.start('changed', 'go', 'r');
        await until(async () => (await app.status('r')) === 'suspended');
        await first.kill('SIGTERM');
        const worker = await startWorker({ code });
        await app.engine.signal('go', 'went');
        return { app, worker };
      }

      it('are blocked where history has something else, and go on with code that fits', async () => {
        const { app, worker } = await deploy('breaking');
        await until(async () => (await app.status('r')) === 'blocked');
        const shown = JSON.stringify(await app.engine.getRun('r'));
        expect(shown).toContain('something else');
        await worker.kill('SIGTERM');
        await startWorker();
        await app.engine.retry('r');
        expect(await app.end('r')).toMatchObject({ output: ['went'] });
      });

      it('take the old path of a patch that they have passed, and the new one of the next', async () => {
        const { app } = await deploy('other');
        expect(await app.end('r')).toMatchObject({ output: ['went', 'billed'] });
        await app.start('changed', 'again', 's');
        await app.engine.signal('again', 'too');
        expect(await app.end('s')).toMatchObject({
          output: ['shelf of insured', 'too', 'billed'],
        });
      });
    });

    it('may be long and wide: a turn has what is new', { timeout: 120_000 }, async () => {
      const first = await startWorker();
      const app = await startEngine();
      const sizes = await watchTurns(prefix);
      await app.start('wide', 200, 'wide');
      await app.start('long', 2_000, 'long');
      await until(async () => (await app.status('long')) === 'suspended', 110_000);
      expect(await app.end('wide')).toMatchObject({ output: 200 });
      expect(sizes.length).toBeGreaterThan(1_000);
      expect(Math.max(...sizes)).toBeLessThan(1_000);
      await first.kill();
      // Another gets it all, in parts.
      await startWorker();
      await app.engine.signal('enough', null);
      expect(await app.end('long')).toMatchObject({ output: 2_000 });
    });
  },
);

/** How many runs a worker says that it has forgotten. */
function forgotten({ errors }: PythonWorker): number {
  const counts = errors.matchAll(/(\d+) idle runs were forgotten/g);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Sizes of the turns that lie in the inbox of the only worker, from now on. */
async function watchTurns(prefix: string): Promise<number[]> {
  const keys = openClient(url);
  let inbox = '';
  await until(async () => {
    const [key = ''] = await keys.keys(`${prefix}:default:worker:*`);
    inbox = key.replace(':worker:', ':inbox:');
    return key !== '';
  });
  const sizes: number[] = [];
  const reader = openClient(url);
  const read = async (cursor: string): Promise<void> => {
    const reply = await reader.xread('BLOCK', 1_000, 'STREAMS', inbox, cursor);
    const entries = reply?.flatMap(([, found]) => found) ?? [];
    for (const [, [, text = '']] of entries) if (text.includes('"turn"')) sizes.push(text.length);
    await read(entries.at(-1)?.[0] ?? cursor);
  };
  read('0-0').catch(() => {}); // The client is closed with the test.
  return sizes;
}
