/** A worker in Python over TLS, as the users of docs/redis.md. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  type CrashableServer,
  canCrash,
  startCrashable,
} from '../../../scripts/services/crashable-server.mjs';
import { listenToTls, type TlsServer } from '../../../scripts/services/redis-tls.mjs';
import { documentedCallerRules, documentedUser } from '../../../scripts/services/redis-users.mjs';
import { freshPrefix, optionsOf, TestEngine, until } from './support.js';
import { type PythonScript, PythonWorker } from './worker-process.js';

const isPossible =
  inject('redisUrl') !== undefined && inject('python') !== undefined && canCrash('redis');

describe.skipIf(!isPossible)('a worker in Python, with TLS and a user', () => {
  let server: CrashableServer;
  let admin: Redis;
  let tls: TlsServer;
  let prefix: string;

  beforeAll(async () => {
    server = await startCrashable('redis');
    admin = new Redis({ ...optionsOf(server.url), replyMapping: 'legacy' });
    tls = await listenToTls((...words) => admin.call(...words));
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
    await tls.dispose();
  });
  beforeEach(async () => {
    prefix = freshPrefix();
    await admin.call('ACL', 'LOG', 'RESET');
  });

  async function addUser(role: 'engine' | 'worker', namespace = 'default'): Promise<string> {
    const name = `${role}-${prefix}`;
    const keys = `${prefix}:${namespace}:`;
    await admin.call('ACL', 'SETUSER', ...documentedUser(`durable-${role}`, { name, keys }));
    return name;
  }

  async function startEngine(): Promise<TestEngine> {
    const connection = {
      host: '127.0.0.1',
      port: tls.port,
      tls: { ca: tls.ca },
      username: await addUser('engine'),
      password: 'engine-password',
    };
    return TestEngine.start(connection, prefix);
  }

  const startWorker = (user: string, redisOptions: object, script?: PythonScript) => {
    const url = `rediss://${user}:worker-password@127.0.0.1:${tls.port}/0`;
    return PythonWorker.start(url, prefix, { redisOptions }, script);
  };

  /** A worker that has workflows, and the engine that knows it. */
  async function startWithWorkflows(user: string): Promise<[PythonWorker, TestEngine]> {
    const child = await startWorker(user, knowsAuthority(), 'e2e_workflows.py');
    const app = await startEngine();
    // Once the engine has heard of the workflow, and of its worker.
    await app.start('waits', 'warm', 'warm');
    await app.engine.signal('warm', 1);
    expect(await app.end('warm')).toMatchObject({ status: 'completed' });
    return [child, app];
  }

  const knowsAuthority = () => ({ ssl_ca_certs: tls.caFile });

  /** What was refused, as Redis tells it: names and values in turn. */
  async function refusals(): Promise<readonly (readonly unknown[])[]> {
    return (await admin.call('ACL', 'LOG', '100')) as readonly (readonly unknown[])[];
  }

  const fieldOf = (entry: readonly unknown[], name: string) => entry[entry.indexOf(name) + 1];

  /** The users that were refused something. */
  async function refused(): Promise<readonly unknown[]> {
    return [...new Set((await refusals()).map((entry) => fieldOf(entry, 'username')))];
  }

  /** How often a key was refused. */
  async function timesRefused(key: string): Promise<number> {
    const object = `${prefix}:default:${key}`;
    const ofKey = (await refusals()).filter((entry) => fieldOf(entry, 'object') === object);
    return ofKey.reduce((sum, entry) => sum + Number(fieldOf(entry, 'count')), 0);
  }

  it('serves steps, reports progress, obeys a cancel, comes and goes', async () => {
    const app = await startEngine();
    const waiting = await app.pay('waits-for-a-worker');
    await until(async () => (await app.engine.getRun(waiting)).status === 'suspended');
    const child = await startWorker(await addUser('worker'), knowsAuthority());
    expect(await app.end(waiting)).toMatchObject({ output: { chargeId: 'ch-waits-for-a-worker' } });

    const progress = await app.end(await app.call('flow.progress', 7));
    expect(progress).toMatchObject({ output: { progress: { page: 7 } } });
    const runId = await app.call('flow.wait', 'go');
    await child.says('waiting go');
    await app.engine.cancel(runId);
    await child.says('cancelled go True');
    await app.end(runId);
    // Rates have commands of their own.
    const limited = await Promise.all([1, 2, 3].map((n) => app.call('rate.limited', n)));
    await Promise.all(limited.map((id) => app.end(id)));

    expect(await child.kill('SIGTERM')).toBe(0);
    await app.engine.stop();
    expect(await refused()).toEqual([]);
  });

  it('runs workflows, starts runs and signals them, with the keys that the page adds', async () => {
    const user = await addUser('worker');
    await admin.call('ACL', 'SETUSER', user, ...documentedCallerRules(`${prefix}:default:`));
    const [child, app] = await startWithWorkflows(user);
    child.tell('start waits "go" r');
    await child.says('started r True');
    child.tell('signal go 7 s-1');
    await child.says('accepted True');
    const { output } = (await app.end('r')) as { output: readonly unknown[] };
    expect(output.slice(0, 3)).toEqual(['shelf of first', 7, 'shelf of last']);

    expect(await child.kill('SIGTERM')).toBe(0);
    await app.engine.stop();
    expect(await refused()).toEqual([]);
  });

  it('runs workflows without these keys, but reaches no engine by itself, and says so', async () => {
    const user = await addUser('worker');
    const [child, app] = await startWithWorkflows(user);
    expect(await refused()).toEqual([]);
    child.tell('start waits "go" r');
    // It goes on trying.
    await until(async () => (await timesRefused('engines')) > 2);
    await expect(app.engine.getRun('r')).rejects.toThrow('r');
    expect(child.errors.match(/^WARNING.*A call to an engine/gm)).toHaveLength(1);
    expect(await child.kill('SIGTERM')).toBe(0);
    await app.engine.stop();
    expect(await refused()).toEqual([user]);
  });

  it('stays up without the certificate of the authority, and says so once', async () => {
    const child = await startWorker(await addUser('worker'), {});
    await until(() => child.errors.includes('Redis is away'));
    expect(child.errors).toMatch(/certificate verify failed/i);
    expect(await child.kill('SIGTERM')).toBe(0);
    expect(child.errors.match(/Redis is away/g)).toHaveLength(1);
  });

  it('serves nothing of another namespace, says so, and stays up', async () => {
    const user = await addUser('worker', 'another');
    const child = await startWorker(user, knowsAuthority());
    await until(() => child.errors.includes('could not be announced'));
    const app = await startEngine();
    const runId = await app.pay('a');
    await until(async () => (await app.engine.getRun(runId)).status === 'suspended');
    // It goes on trying, and says nothing new.
    await until(async () => (await timesRefused('control')) > 2);
    const complaints = child.errors.split('\n').filter((line) => /^(?:WARNING|ERROR)/.test(line));
    expect(complaints).toEqual([...new Set(complaints)]);
    expect(await child.kill('SIGTERM')).toBe(0);
    expect(child.begun).toBe(0);
    await app.engine.stop();
    expect(await refused()).toEqual([user]);
  });
});
