/** The connection that a store opens for itself: what it costs, and what happens when it is lost. */
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { DrizzleStateStore } from '../../src/index.js';
import { Fleet, type Member, type MemberOptions, newRunId, reaches } from './fleet.js';
import { PostgresProxy } from './postgres-proxy.js';

const server = inject('postgresUrl');
const TIMEOUT_MS = 60_000;
const SOON_MS = 3_000;

const workflows = {
  waits: async (ctx: { waitForSignal(token: string): Promise<unknown> }, token: never) =>
    ctx.waitForSignal(token),
  steps: async (ctx: { step(name: string, f: () => unknown): Promise<unknown> }) => {
    for (let i = 0; i < 5; i += 1) await ctx.step('noop', () => i);
  },
};

describe.skipIf(server === undefined)(
  'the store’s own connection to PostgreSQL',
  { timeout: TIMEOUT_MS },
  () => {
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await Fleet.create(server ?? '');
    }, TIMEOUT_MS);
    afterAll(() => fleet.dispose());

    /** As `join`, and gone again before what the test has opened for it. */
    async function joinFor(options: MemberOptions): Promise<Member> {
      const member = await fleet.join(options);
      onTestFinished(() => member.leave());
      return member;
    }

    async function proxied(options: { readonly ownKeys?: boolean } = {}): Promise<PostgresProxy> {
      const proxy = await PostgresProxy.open(fleet.url, options);
      onTestFinished(() => proxy.close());
      return proxy;
    }

    test('a process that does everything alone sends no hint, and writes many steps at once', async () => {
      const count = await fleet.countHints();
      const member = await fleet.join({ namespace: 'alone', workflows });
      let writes = 0;
      member.pool.on('acquire', (client) => {
        const query = client.query.bind(client) as (...args: unknown[]) => unknown;
        // A client may be lent again: its own method is still there below.
        if (Object.hasOwn(client, 'query')) return;
        client.query = ((...args: unknown[]) => {
          const [first] = args as readonly (string | { readonly text: string })[];
          const text = typeof first === 'string' ? first : (first?.text ?? '');
          if (/insert into durable_(history|runs)/.test(text)) writes += 1;
          return query(...args);
        }) as typeof client.query;
      });
      const { engine } = member;
      const runAll = async (workflow: 'steps' | 'waits', runs: number) => {
        let next = 0;
        const lane = async () => {
          while (next < runs) {
            next += 1;
            const token = `alone-${next}`;
            const { runId } = await engine.startRun(workflow, token);
            if (workflow === 'waits') await engine.signal(token, 1);
            await engine.waitForRun(runId);
          }
        };
        await Promise.all(Array.from({ length: 64 }, lane));
      };
      await runAll('steps', 640);
      const perStep = writes / (640 * 5);
      await runAll('waits', 64);
      const notices = await fleet.connect();
      await notices.query('select 1');
      expect(count()).toBe(0);
      expect(perStep).toBeGreaterThan(0);
      expect(perStep).toBeLessThanOrEqual(0.15);
    });

    test('is not used where it would find the tables of another schema', async () => {
      const pool = new Pool({ connectionString: fleet.url, max: 2 });
      pool.on('connect', (client) => void client.query('set search_path to tenant'));
      await pool.query('create schema tenant');
      const store = new DrizzleStateStore(drizzle(pool));
      onTestFinished(async () => {
        await store.close();
        await pool.end();
      });
      await store.migrate();
      expect(await store.checkSettings()).toMatchObject([
        { setting: 'LISTEN', value: expect.stringContaining('finds other tables') },
      ]);
      await store.heartbeat({ worker: 'w', namespace: 'tenant', leaseMs: 1_000, serves: [] });
      const workers = 'select id from durable_workers where id = $1';
      const { rows } = await pool.query(workers.replace('durable', 'tenant.durable'), ['w']);
      expect(rows).toEqual([{ id: 'w' }]);
      const others = await pool.query(workers.replace('durable', 'public.durable'), ['w']);
      expect(others.rows).toEqual([]);
    });

    test('takes no slot of the pool, keeps no process alive, and ends with the store', async () => {
      const before = await fleet.ownBackends();
      const member = await fleet.join({ namespace: 'slots', workflows, pool: { max: 1 } });
      await vi.waitUntil(async () => (await fleet.ownBackends()).length === before.length + 1);
      const { runId } = await member.engine.startRun('steps', null);
      await reaches(member, runId, 'completed');
      await vi.waitUntil(() => member.pool.idleCount === member.pool.totalCount);
      expect(member.pool.totalCount).toBe(1);
      await member.engine.stop();
      expect(await fleet.ownBackends()).toEqual(before);
      await member.store.hint('slots');
      expect(await fleet.ownBackends()).toEqual(before);
    });

    test('keeps no process alive by itself', async () => {
      const sockets = () =>
        process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
      const backends = await fleet.ownBackends();
      const before = sockets();
      const member = await fleet.join({ namespace: 'idle', workflows });
      await vi.waitUntil(async () => (await fleet.ownBackends()).length > backends.length);
      expect(sockets() - before).toBe(member.pool.totalCount);
    });

    test('a storm of wakes is a few hints', async () => {
      const namespace = 'storm';
      const sender = await fleet.join({ namespace, worker: false });
      const owner = await fleet.join({ namespace, workflows });
      const count = await fleet.countHints();
      const runs = 500;
      const startedAt = performance.now();
      const ids = await Promise.all(
        Array.from({ length: runs }, async (_, i) => {
          const { runId } = await sender.engine.startRun('waits', `storm-${i}`, { version: '1' });
          await sender.engine.signal(`storm-${i}`, i);
          return runId;
        }),
      );
      const done = async () =>
        (await owner.store.countRuns({ namespace })).completed === ids.length;
      await vi.waitUntil(done, { timeout: 20_000 });
      const elapsedMs = performance.now() - startedAt;
      expect(count()).toBeGreaterThan(0);
      expect(count()).toBeLessThanOrEqual(2 + elapsedMs / 20);
      expect(count()).toBeLessThan(runs / 2);
    });

    test('comes back when the server has ended it; meanwhile polls find what there is', async () => {
      const namespace = 'killed';
      const sender = await fleet.join({ namespace, worker: false });
      const others = await fleet.ownBackends();
      const owner = await fleet.join({ namespace, worker: { maxPoll: 200 }, workflows });
      const isListening = async () =>
        (await fleet.ownBackends()).some((pid) => !others.includes(pid));
      await vi.waitUntil(isListening);
      const operator = await fleet.connect();
      for (let round = 0; round < 3; round += 1) {
        await vi.waitUntil(isListening);
        const all = await fleet.ownBackends();
        for (const pid of all) await operator.query('select pg_terminate_backend($1)', [pid]);
        const { runId } = await sender.engine.startRun('steps', null, { runId: newRunId() });
        expect(await reaches(owner, runId, 'completed')).toBeLessThan(SOON_MS);
      }
      await vi.waitUntil(isListening, { timeout: 10_000 });
    });

    test('after its loss hints arrive again, and what was missed is looked for', async () => {
      const namespace = 'again';
      const sender = await fleet.join({ namespace, worker: false });
      const owner = await fleet.join({ namespace, workflows });
      const operator = await fleet.connect();
      for (let round = 0; round < 2; round += 1) {
        for (const pid of await fleet.ownBackends()) {
          await operator.query('select pg_terminate_backend($1)', [pid]);
        }
        const { runId } = await sender.engine.startRun('steps', null, { runId: newRunId() });
        expect(await reaches(owner, runId, 'completed')).toBeLessThan(SOON_MS);
      }
    });

    test('one that has fallen silent is given up, on both sides; the lease is held meanwhile', async () => {
      const namespace = 'silent';
      const warnings: string[] = [];
      const way = await proxied();
      const sender = await joinFor({ namespace, worker: false, url: way.url });
      const owner = await joinFor({
        namespace,
        url: way.url,
        worker: { lease: '6s', heartbeat: '1s' },
        workflows,
        onWarning: (message) => warnings.push(message),
      });
      const first = await sender.engine.startRun('steps', null, { runId: newRunId() });
      await reaches(owner, first.runId, 'completed');
      expect(way.silence('application_name\0durable\0')).toBe(2);
      const { runId } = await sender.engine.startRun('steps', null, { runId: newRunId() });
      await reaches(owner, runId, 'completed');
      expect(warnings).toEqual([]);
    });

    test('through a pooler nothing is listened for; polls find everything', async () => {
      const namespace = 'pooler';
      const way = await proxied({ ownKeys: true });
      const member = await joinFor({
        namespace,
        url: way.url,
        workflows,
        worker: { maxPoll: 50 },
      });
      const findings = await member.store.checkSettings();
      expect(findings).toContainEqual(
        expect.objectContaining({
          setting: 'LISTEN',
          value: expect.stringContaining('pooler'),
        }),
      );
      const sender = await joinFor({ namespace, worker: false });
      const { runId } = await sender.engine.startRun('steps', null, { runId: newRunId() });
      expect(await reaches(member, runId, 'completed')).toBeLessThan(SOON_MS);
    });
  },
);
