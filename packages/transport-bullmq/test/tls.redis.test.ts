import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  type CrashableServer,
  canCrash,
  startCrashable,
} from '../../../scripts/services/crashable-server.mjs';
import { listenToTls, type TlsServer } from '../../../scripts/services/redis-tls.mjs';
import { chargeHandler, freshPrefix, openClient, optionsOf, TestEngine, until } from './support.js';

const steps = [chargeHandler(async ({ orderId }) => ({ chargeId: `ch-${orderId}` }))];

describe.skipIf(inject('redisUrl') === undefined || !canCrash('redis'))('over TLS', () => {
  let server: CrashableServer;
  let tls: TlsServer;

  beforeAll(async () => {
    server = await startCrashable('redis');
    const admin = new Redis({ ...optionsOf(server.url), replyMapping: 'legacy' });
    tls = await listenToTls((...words) => admin.call(...words));
    admin.disconnect();
  });
  afterAll(async () => {
    await server.stop();
    await tls.dispose();
  });

  it('carries remote steps, with an authority of its own', async () => {
    const connection = { host: '127.0.0.1', port: tls.port, tls: { ca: tls.ca } };
    const app = await TestEngine.start({ connection, prefix: freshPrefix(), steps });
    expect(await app.end(await app.pay('a'))).toMatchObject({ output: { chargeId: 'ch-a' } });
    const admin = openClient(optionsOf(server.url));
    const clients = String(await admin.call('CLIENT', 'LIST'))
      .trim()
      .split('\n');
    const others = clients.filter((line) => !line.includes('cmd=client|list'));
    // For commands, news, results and a queue, as docs/redis.md says. BullMQ has made one of them.
    expect(others).toHaveLength(4);
    expect(others.filter((line) => !line.includes(`laddr=127.0.0.1:${tls.port} `))).toEqual([]);
    await app.engine.stop();
  });

  it('is not there where the authority is unknown: steps wait, and it is logged once', async () => {
    const connection = { host: '127.0.0.1', port: tls.port, tls: {} };
    const app = await TestEngine.start({ connection, prefix: freshPrefix() });
    const runId = await app.pay();
    await until(async () => (await app.engine.getRun(runId)).status === 'suspended');
    const told = app.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(told).toContain(
      'Redis is away. Remote steps wait in the outbox and go on when it is back.',
    );
    expect(told).toEqual([...new Set(told)]);
    await app.engine.stop();
  });
});
