/** What several processes on one database owe each other: leases, take-over, and none that keeps the others waiting. */
import { createSystemRuntime, type NewRun, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import {
  Fleet,
  type Member,
  type MemberOptions,
  newRunId,
  reaches,
  silentLogger,
} from './fleet.js';
import { PostgresProxy } from './postgres-proxy.js';

const server = inject('postgresUrl');
const TIMEOUT_MS = 120_000;

function newRun(namespace: string, workflow: string): NewRun {
  return {
    ...{ id: newRunId(), namespace, workflow, version: '1', input: 'null' },
    ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
    ...{ startAt: null, timeoutMs: null },
  };
}

describe.skipIf(server === undefined)('a fleet on PostgreSQL', { timeout: TIMEOUT_MS }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.create(server ?? '');
  }, TIMEOUT_MS);
  afterAll(() => fleet.dispose());

  /** As `join`, and gone again after the test. */
  async function join(options: MemberOptions): Promise<Member> {
    const member = await fleet.join(options);
    onTestFinished(() => member.leave());
    return member;
  }

  /** Runs that are owned by a worker whose lease ends soon, and that has just died. */
  async function orphans(
    member: Member,
    { namespace, count, leaseMs }: { namespace: string; count: number; leaseMs: number },
  ): Promise<readonly string[]> {
    const worker = `dead-${namespace}`;
    const runs = Array.from({ length: count }, () => newRun(namespace, 'orphan'));
    for (let i = 0; i < count; i += 1_000) {
      await member.store.createRuns({ runs: runs.slice(i, i + 1_000), claim: worker });
    }
    await member.store.heartbeat({ worker, namespace, leaseMs, serves: ['orphan@1'] });
    return runs.map(({ id }) => id);
  }

  test('leases are on the database’s clock, whatever the processes believe', async () => {
    const namespace = 'clocks';
    const system = createSystemRuntime(silentLogger);
    const offsets = [10 * 60_000, -10 * 60_000];
    const workflows = { wf: async () => 1 };
    const members = await Promise.all(
      offsets.map((offset) => {
        const clock = { ...system.clock, now: () => system.clock.now() + offset };
        const runtime = { ...system, clock };
        return join({ namespace, runtime, worker: { lease: '20s' }, workflows });
      }),
    );
    const client = await fleet.connect();
    const { rows } = await client.query<{ readonly left_ms: string }>(
      'select lease_until - extract(epoch from clock_timestamp()) * 1000 as left_ms ' +
        'from durable_workers where namespace = $1 and dead_at is null',
      [namespace],
    );
    const left = rows.map(({ left_ms }) => Number(left_ms));
    expect(left).toHaveLength(2);
    for (const ms of left) expect(ms).toBeGreaterThan(5_000);
    for (const ms of left) expect(ms).toBeLessThanOrEqual(20_000);
    for (const member of members) {
      const { runId } = await member.engine.startRun('wf', null);
      await reaches(member, runId, 'completed');
    }
  });

  test('a take-over of 2,000 runs is a handful of statements', async () => {
    const namespace = 'batches';
    const member = await join({ namespace, worker: false });
    await orphans(member, { namespace, count: 4_000, leaseMs: 1 });
    let statements = 0;
    member.pool.on('acquire', (client) => {
      if (Object.hasOwn(client, 'query')) return;
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      client.query = ((...args: unknown[]) => {
        statements += 1;
        return query(...args);
      }) as typeof client.query;
    });
    const request = {
      limit: 2_000,
      probationFrom: 3,
      backoffMs: 1,
      backoffCapMs: 1,
      maxCrashes: 10,
    };
    const answers = [await member.store.takeOver(request), await member.store.takeOver(request)];
    expect(answers).toMatchObject([
      { taken: 2_000, more: true },
      { taken: 2_000, more: false },
    ]);
    expect(statements).toBeLessThanOrEqual(2 * 20);
  });

  test('the runs of a dead process are done by the others soon after its lease, each once', async () => {
    const namespace = 'recovery';
    const count = 2_000;
    const bodies = new Map<string, number>();
    const shares = [0, 0];
    const workflowsOf = (index: number) => ({
      orphan: async (ctx: WorkflowCtx) =>
        ctx.step('once', () => {
          bodies.set(ctx.runId, (bodies.get(ctx.runId) ?? 0) + 1);
          shares[index] = (shares[index] ?? 0) + 1;
        }),
    });
    const members = await Promise.all(
      shares.map((_, index) =>
        join({ namespace, workflows: workflowsOf(index), worker: { maxPoll: '10m' } }),
      ),
    );
    const [first] = members;
    if (first === undefined) throw new Error('nobody is there');
    await orphans(first, { namespace, count, leaseMs: 1_000 });
    // The leases of those that live are 30 s: it is the dead one's that they look for. They learn of it at their next
    // look; one that is booted now learns of it at once.
    await join({ namespace, workflows: { other: async () => 1 } });
    const done = async () => (await first.store.countRuns({ namespace })).completed === count;
    await vi.waitUntil(done, { timeout: 60_000, interval: 50 });
    expect([...bodies.values()].filter((times) => times !== 1)).toEqual([]);
    expect(bodies.size).toBe(count);
    for (const share of shares) expect(share).toBeGreaterThan(0);
  });

  test('a process that is cut off stops by itself before its lease ends', async () => {
    const namespace = 'cut-off';
    const way = await PostgresProxy.open(fleet.url);
    const events: string[] = [];
    let isFirst = true;
    const workflows = {
      long: async (ctx: WorkflowCtx) =>
        ctx.step('long', ({ signal }) => {
          events.push(isFirst ? 'first begins' : 'second begins');
          if (!isFirst) return 'second';
          isFirst = false;
          return new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              events.push('first is told to stop');
              resolve('first');
            });
          });
        }),
    };
    const worker = { lease: '4s', heartbeat: '500ms', maxPoll: 100 } as const;
    const pool = { connectionTimeoutMillis: 2_000 };
    const lost = await fleet.join({
      namespace,
      workflows,
      worker,
      pool,
      url: way.url,
      shutdownTimeout: 0,
    });
    onTestFinished(async () => {
      await way.close();
      await lost.abandon();
    });
    const { runId } = await lost.engine.startRun('long', null, { runId: newRunId() });
    await reaches(lost, runId, 'running');
    const heir = await join({ namespace, workflows, worker });
    way.swallowAll(true);
    await reaches(heir, runId, 'completed');
    expect(events).toEqual(['first begins', 'first is told to stop', 'second begins']);
    expect(await heir.engine.getRun(runId)).toMatchObject({ output: 'second' });
    // It has nobody to tell: SIGTERM does not wait for that.
    const startedAt = performance.now();
    await Promise.allSettled([lost.engine.stop()]);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  test('a pool that the application holds for longer than a lease does not cost the lease', async () => {
    const namespace = 'starved';
    const warnings: string[] = [];
    const worker = { lease: '2s', heartbeat: '400ms', maxPoll: 50 } as const;
    const workflows = {
      wf: async (ctx: WorkflowCtx) => ctx.step('s', () => 1),
    };
    const member = await join({
      namespace,
      worker,
      workflows,
      pool: { max: 2 },
      onWarning: (message) => warnings.push(message),
    });
    await join({ namespace, worker, workflows });
    await vi.waitUntil(() => member.pool.totalCount > 0);
    const held = await Promise.all([member.pool.connect(), member.pool.connect()]);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const client of held) client.release();
    const { runId } = await member.engine.startRun('wf', null);
    await reaches(member, runId, 'completed');
    expect(warnings).toEqual([]);
  });

  test('50 runs whose steps each take a connection, in a pool of 2', async () => {
    const namespace = 'small-pool';
    const bodies: string[] = [];
    const warnings: string[] = [];
    const member: Member = await join({
      namespace,
      worker: { lease: '3s', heartbeat: '500ms', maxPoll: 50 },
      pool: { max: 2 },
      onWarning: (message) => warnings.push(message),
      workflows: {
        wf: async (ctx) =>
          ctx.step('uses the database', async () => {
            const client = await member.pool.connect();
            try {
              await client.query('select pg_sleep(0.05)');
              bodies.push(ctx.runId);
            } finally {
              client.release();
            }
          }),
      },
    });
    // Settings of the server, which other tests change at the same time.
    warnings.length = 0;
    const runs = await Promise.all(
      Array.from({ length: 50 }, () => member.engine.startRun('wf', null)),
    );
    const results = await Promise.all(runs.map(({ runId }) => member.engine.waitForRun(runId)));
    expect(results.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(new Set(bodies).size).toBe(50);
    expect(bodies).toHaveLength(50);
    expect(warnings).toEqual([]);
  });

  test('a run that kills every process that takes it ends as blocked; the others go on', async () => {
    const namespace = 'poison';
    const worker = { lease: '1s', heartbeat: '150ms', maxPoll: 50, maxCrashes: 3 } as const;
    let deaths = 0;
    const boot = async (): Promise<void> => {
      const poison = async (ctx: WorkflowCtx) =>
        ctx.step('deadly', () => {
          deaths += 1;
          void process.then((member) => member.kill());
          return new Promise(() => {});
        });
      const process = join({ namespace, worker, workflows: { poison } });
      await process;
    };
    const healthy = async (ctx: WorkflowCtx) => ctx.step('fine', () => 1);
    const bystander = await join({ namespace, worker, workflows: { healthy } });
    await boot();
    const { runId } = await bystander.engine.startRun('poison', null, { version: '1' });
    for (let life = 1; life <= 3; life += 1) {
      await vi.waitUntil(() => deaths === life, { timeout: 20_000 });
      if (life < 3) await boot();
    }
    await reaches(bystander, runId, 'blocked');
    const fine = await bystander.engine.startRun('healthy', null);
    await reaches(bystander, fine.runId, 'completed');
    expect(deaths).toBe(3);
  });

  test('a dozen processes that boot at once get along, and each beats at a moment of its own', async () => {
    const namespace = 'boot';
    const warnings: string[] = [];
    const members = await Promise.all(
      Array.from({ length: 12 }, () =>
        join({
          namespace,
          pool: { max: 2 },
          workflows: { wf: async () => 1 },
          onWarning: (message) => warnings.push(message),
        }),
      ),
    );
    const starts = members.map(({ engine }) => engine.startRun('wf', null));
    for (const { runId } of await Promise.all(starts)) {
      await reaches(members[0] as Member, runId, 'completed');
    }
    expect(warnings).toEqual([]);
  });
});
