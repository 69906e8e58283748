import { InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startCrashable } from '../../../scripts/services/crashable-server.mjs';
import { bundleWorker, WorkerProcess } from './child-process.js';
import { freshPrefix, openClient, optionsOf, TestEngine, until } from './support.js';

const url = inject('redisUrl');

describe.skipIf(url === undefined)('a contract that another process serves', () => {
  const connection = optionsOf(url ?? 'redis://nowhere');
  let worker: Awaited<ReturnType<typeof bundleWorker>>;
  let prefix: string;

  beforeAll(async () => {
    worker = await bundleWorker();
  });
  afterAll(() => worker.dispose());
  beforeEach(() => {
    prefix = freshPrefix();
  });

  const startWorker = (of = connection) => WorkerProcess.start(worker.file, of, prefix);

  it('is called there, with no change to the workflow', async () => {
    await startWorker();
    const app = await TestEngine.start({ connection, prefix });
    const runs = await Promise.all(['a', 'b', 'c'].map((orderId) => app.pay(orderId)));
    const ends = await Promise.all(runs.map((runId) => app.end(runId)));
    expect(ends).toMatchObject([
      { output: { chargeId: 'ch-a' } },
      { output: { chargeId: 'ch-b' } },
      { output: { chargeId: 'ch-c' } },
    ]);
  });

  it('validates the output there: an attempt that gives another fails, with the field', async () => {
    const child = await startWorker();
    const app = await TestEngine.start({ connection, prefix });
    expect(await app.end(await app.pay('wrong'))).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_OUTPUT', message: expect.stringContaining('chargeId') },
    });
    expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(3);
  });

  it('waits for a process that serves it, and is called as soon as there is one', async () => {
    // With the default lease a task that waits for its visibility would wait half a minute.
    const app = await TestEngine.start({ connection, prefix, leaseMs: 60_000 });
    const runId = await app.pay();
    await until(async () => (await app.engine.getRun(runId)).status === 'suspended');
    await startWorker();
    expect(await app.end(runId)).toMatchObject({ status: 'completed' });
  });

  it('is called again by another process when the first is killed in the middle', async () => {
    const first = await startWorker();
    const app = await TestEngine.start({ connection, prefix });
    const runId = await app.pay('hold');
    await first.says('began hold 1');
    await first.kill();
    const second = await startWorker();
    await second.says('began hold 1');
    second.release();
    expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
    expect(await app.outcomes(runId)).toBe(1);
  });

  it('is not begun again when it has killed as many processes as may be: the attempt has failed', async () => {
    const app = await TestEngine.start({ connection, prefix, maxRemoteCrashes: 2 });
    const first = await startWorker();
    const runId = await app.pay('hold');
    await first.says('began hold 1');
    await first.kill();
    const second = await startWorker();
    await second.says('began hold 1');
    await second.kill();
    const third = await startWorker();
    await third.says('began hold 2');
    third.release();
    expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
    expect(third.lines).not.toContain('began hold 1');
    const history = await app.engine.history(runId);
    expect(history.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual([
      'scheduled 1',
      'attemptFailed 1',
      'scheduled 2',
      'completed 2',
    ]);
    expect(history[1]).toMatchObject({ error: { code: 'REMOTE_CRASH', fields: { crashes: 2 } } });
  }, 60_000);

  it('is shown as unserved while no process serves it, and no longer when one does', async () => {
    const store = new InMemoryStateStore();
    const app = await TestEngine.start({ connection, prefix, store });
    const runId = await app.pay('hold');
    const since = async () => (await app.engine.getRun(runId)).waitingFor[0]?.unservedSince;
    await until(async () => (await since()) !== undefined);
    const child = await startWorker();
    await child.says('began hold 1');
    await until(async () => (await since()) === undefined);
    // A worker that is gone serves nothing, whatever waits in its queue.
    await child.kill();
    await until(async () => (await since()) !== undefined);
    const next = await startWorker();
    await next.says('began hold 1');
    next.release();
    expect(await app.end(runId)).toMatchObject({ status: 'completed' });
  }, 60_000);

  it('is given to others at once by a process that ends in order, when it takes too long', async () => {
    const first = await startWorker();
    const app = await TestEngine.start({ connection, prefix, leaseMs: 60_000 });
    const quick = await app.pay('quick');
    await app.end(quick);
    const runId = await app.pay('hold');
    await first.says('began hold 1');
    const second = await startWorker();
    expect(await first.kill('SIGTERM')).not.toBe(1);
    await second.says('began hold 1');
    second.release();
    expect(await app.end(runId)).toMatchObject({ status: 'completed' });
  });

  it('ends once when Redis is flushed while the handler runs', async () => {
    const child = await startWorker();
    const app = await TestEngine.start({ connection, prefix });
    const runId = await app.pay('hold');
    await child.says('began hold 1');
    await forget(connection, prefix);
    child.release();
    expect(await app.end(runId)).toMatchObject({ status: 'completed' });
    expect(await app.outcomes(runId)).toBe(1);
    // Everything is as before: who serves what is known again.
    expect(await app.end(await app.pay('next'))).toMatchObject({ status: 'completed' });
  });

  it('ends once when Redis dies for some seconds while the handler runs', async () => {
    const server = await startCrashable('redis');
    try {
      const own = optionsOf(server.url);
      const child = await startWorker(own);
      const app = await TestEngine.start({ connection: own, prefix, leaseMs: 20_000 });
      const runId = await app.pay('hold');
      await child.says('began hold 1');
      await server.crash();
      child.release();
      const waiting = await app.pay('waiting');
      await until(() => app.log.some(({ message }) => message.startsWith('Redis is away')));
      await new Promise((resolve) => setTimeout(resolve, 2_000)); // How long it is away.
      await server.restart();
      expect(await app.end(runId)).toMatchObject({ output: { chargeId: 'ch-hold' } });
      expect(await app.end(waiting)).toMatchObject({ status: 'completed' });
      expect(await app.outcomes(runId)).toBe(1);
      expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(2);
      await app.engine.stop();
    } finally {
      await server.stop();
    }
  });

  it('ends though the engine that has called it dies: another takes the answer', async () => {
    const child = await startWorker();
    const store = new InMemoryStateStore();
    const first = await TestEngine.start({ connection, prefix, store });
    const runId = await first.pay('hold');
    await child.says('began hold 1');
    first.engine.kill();
    await first.transport.close(0);
    const second = await TestEngine.start({ connection, prefix, store });
    child.release();
    expect(await second.end(runId)).toMatchObject({ status: 'completed' });
    expect(await second.outcomes(runId)).toBe(1);
    expect(child.lines.filter((line) => line.startsWith('began'))).toHaveLength(1);
  });
});

/** As FLUSHALL, for the keys of one test: others use the server too. */
async function forget(connection: ReturnType<typeof optionsOf>, prefix: string): Promise<void> {
  const client = openClient(connection);
  const keys = await client.keys(`${prefix}*`);
  await client.del(...keys);
}
