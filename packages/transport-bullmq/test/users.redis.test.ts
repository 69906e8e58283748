/** The users of docs/redis.md may do all that transports need, and nothing to others. */
import { contractHandler, InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import { describeTransportConformance } from '@dudousxd/nestjs-durable-testing';
import type { RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  type CrashableServer,
  canCrash,
  startCrashable,
} from '../../../scripts/services/crashable-server.mjs';
import { documentedUser } from '../../../scripts/services/redis-users.mjs';
import { BullMqTransport } from '../src/index.js';
import { RawWorkflows } from './raw-workflows.js';
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

type Role = 'engine' | 'worker';

/** Where the conformance suite is. */
const SUITE_NAMESPACE = 'conformance';

describe.skipIf(inject('redisUrl') === undefined || !canCrash('redis'))('with users', () => {
  let server: CrashableServer;

  beforeAll(async () => {
    server = await startCrashable('redis');
  });
  afterAll(() => server.stop());

  /** Connection of a user that may do what the page says, to the keys of a namespace; a worker, to some queues of it. */
  async function userOf(
    role: Role,
    prefix: string,
    namespace: string,
    queues = '*',
  ): Promise<RedisOptions> {
    const admin = openClient(optionsOf(server.url));
    const name = `${role}-${prefix}-${namespace}`;
    const keys = `${prefix}:${namespace}:`;
    const rules = documentedUser(`durable-${role}`, { name, keys });
    const narrowed = rules.map((rule) => rule.replace(':task:*', `:task:${queues}`));
    await admin.call('ACL', 'SETUSER', ...narrowed);
    return { ...optionsOf(server.url), username: name, password: `${role}-password` };
  }

  /** What was refused, as `user: command` or `user: key`. */
  async function refusals(): Promise<readonly string[]> {
    const admin = openClient(optionsOf(server.url));
    const log = (await admin.call('ACL', 'LOG', '100')) as readonly (readonly string[])[];
    await admin.call('ACL', 'LOG', 'RESET');
    return log.map((entry) => {
      const field = (name: string) => entry[entry.indexOf(name) + 1];
      return `${field('username')}: ${field('reason')} ${field('object')}`;
    });
  }

  describeTransportConformance('BullMQ, users of engine and worker', {
    open: async () => {
      const prefix = freshPrefix();
      const open = async (role: Role) => {
        const connection = await userOf(role, prefix, SUITE_NAMESPACE);
        return new BullMqTransport({ connection, prefix });
      };
      const [engine, worker] = [await open('engine'), await open('worker')];
      return {
        engine,
        worker,
        dispose: async () => expect(await refusals()).toEqual([]),
      };
    },
  });

  it('runs steps, says who serves them, and gives answers to the next engine', async () => {
    const prefix = freshPrefix();
    const store = new InMemoryStateStore();
    const connection = await userOf('engine', prefix, 'shop');
    const settings = { connection, prefix, store, namespace: 'shop' };
    const first = await TestEngine.start({ ...settings, leaseMs: 60_000 });
    const runId = await first.pay();
    await until(async () => (await first.engine.getRun(runId)).status === 'suspended');

    // It waits for somebody who serves it. Stays long enough to look for the jobs of dead workers.
    const worker = new BullMqTransport({
      connection: await userOf('worker', prefix, 'shop', 'payments.*'),
      prefix,
    });
    onTestFinished(() => worker.close(0));
    const held = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const handler = chargeHandler(async ({ orderId }) => {
      if (orderId === 'hold') {
        began.resolve();
        await held.promise;
      }
      return { chargeId: `ch-${orderId}` };
    });
    const host = makeHost({ namespace: 'shop' });
    await worker.serve([contractHandler(handler)], 'worker-1', host);
    expect(await first.end(runId)).toMatchObject({ status: 'completed' });

    const many = await Promise.all(Array.from({ length: 20 }, (_, n) => first.pay(`o-${n}`)));
    await Promise.all(many.map((id) => first.end(id)));

    const adopted = await first.pay('hold');
    await began.promise;
    // A run that is awake belongs to its engine until the end of the lease.
    await until(async () => (await first.engine.getRun(adopted)).status === 'suspended');
    first.engine.kill();
    await first.transport.close(0);
    const second = await TestEngine.start(settings);
    held.resolve();
    expect(await second.end(adopted)).toMatchObject({ output: { chargeId: 'ch-hold' } });
    await second.engine.stop();
    await worker.close(1_000);
    expect(await refusals()).toEqual([]);
  });

  it('have turns of workflows, and their answers', async () => {
    const prefix = freshPrefix();
    const worker = await RawWorkflows.start(await userOf('worker', prefix, 'default'), prefix, [
      'ship',
    ]);
    const app = await TestEngine.start({
      connection: await userOf('engine', prefix, 'default'),
      prefix,
    });
    await until(async () => {
      const starting = app.engine.startRun('ship', null, { runId: 'ship-1' });
      return starting.then(() => true).catch(() => false);
    });
    const turn = await worker.next('turn');
    await worker.answer(turn, [], { end: { ok: true, payload: '"shipped"' } });
    expect(await app.end('ship-1')).toMatchObject({ output: 'shipped' });
    await worker.next('release');
    await app.engine.stop();
    expect(await refusals()).toEqual([]);
  });

  describe('a worker of another tenant', () => {
    it('may not touch what is not its own', async () => {
      const prefix = freshPrefix();
      const other = openClient(await userOf('worker', prefix, 'b'));
      const key = (rest: string) => `${prefix}:a:${rest}`;
      const attempts = [
        () => other.xadd(key('results:engine'), '*', 'm', '{}'),
        () => other.xadd(key('control'), '*', 'm', '{}'),
        () => other.xrange(key('control'), '-', '+'),
        () => other.set(key('worker:w'), '{}'),
        () => other.zadd(key('workers'), 1, 'w'),
        () => other.zrange(key('wanted'), '0', '-1'),
        () => other.lpush(key('task:payments.charge-card:wait'), 'job'),
        () => other.bzpopmin(key('task:payments.charge-card:marker'), 1),
        () => other.eval("return redis.call('DEL', KEYS[1])", 1, key('control')),
        // A key that a script does not say it touches.
        () => other.eval(`return redis.call('DEL', '${key('control')}')`, 0),
        // What engines alone have.
        () => other.zadd(`${prefix}:b:engines`, 1, 'e'),
        () => other.call('SCAN', '0'),
        () => other.call('KEYS', '*'),
        () => other.call('RANDOMKEY'),
        () => other.call('FLUSHALL'),
        () => other.call('CONFIG', 'GET', '*'),
        () => other.call('ACL', 'LIST'),
        () => other.call('MONITOR'),
        () => other.call('CLIENT', 'LIST'),
        () => other.call('SCRIPT', 'FLUSH'),
        () => other.call('PUBLISH', key('news'), 'x'),
        () => other.call('SUBSCRIBE', key('news')),
      ];
      const refused = /NOPERM|The user executing the script can't/;
      for (const attempt of attempts) {
        await expect(attempt(), String(attempt)).rejects.toThrow(refused);
      }
      await refusals();
    });

    it('serves nothing, says so once, and stays up', async () => {
      const prefix = freshPrefix();
      const connection = await userOf('worker', prefix, 'b');
      const log: LogLine[] = [];
      const worker = new BullMqTransport({ connection, prefix });
      onTestFinished(() => worker.close(0));
      const handler = chargeHandler(async () => ({ chargeId: 'stolen' }));
      const host = makeHost({ namespace: 'a', runtime: loggingRuntime(log) });
      await worker.serve([contractHandler(handler)], 'worker-b', host);
      const app = await TestEngine.start({
        connection: await userOf('engine', prefix, 'a'),
        prefix,
        namespace: 'a',
        steps: [chargeHandler(async () => ({ chargeId: 'right' }))],
      });
      expect(await app.end(await app.pay())).toMatchObject({ output: { chargeId: 'right' } });
      await until(() => log.some(({ message }) => message.includes('failed; trying again')));
      const told = log.filter(({ level }) => level === 'warn').map(({ message }) => message);
      expect(new Set(told).size).toBe(told.length);
      await app.engine.stop();
      expect((await refusals()).filter((refusal) => !refusal.startsWith('worker-'))).toEqual([]);
    });
  });
});
