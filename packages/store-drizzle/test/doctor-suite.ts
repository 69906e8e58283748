/** What the doctor says of healthy databases, and of those that somebody has damaged by hand. */
import {
  createSystemRuntime,
  DurableEngine,
  remoteStep,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import type { DoctorFinding } from '@dudousxd/nestjs-durable-store-sql';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DrizzleStateStore } from '../src/index.js';

/** An empty database. */
export interface Clinic {
  open(): DrizzleStateStore;
  execute(sql: string): Promise<void>;
  dispose(): Promise<void>;
}

const nothing = (): void => {};
const quiet = createSystemRuntime({ debug: nothing, info: nothing, warn: nothing, error: nothing });

const anything = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const;
/** Nobody serves it. */
const elsewhere = remoteStep({ name: 'elsewhere', input: anything, output: anything });

const bodies: Readonly<Record<string, (ctx: WorkflowCtx) => Promise<unknown>>> = {
  done: (ctx) => ctx.step('charge', () => 'paid'),
  failed: async () => {
    throw new Error('no');
  },
  signal: (ctx) => ctx.waitForSignal('go'),
  timer: (ctx) => ctx.sleep('1h'),
  remote: (ctx) => ctx.remote(elsewhere, 1),
  parent: (ctx) => ctx.child('signal', null, { runId: 'child' }),
  many: async (ctx) => {
    const steps = [1, 2, 3].map((i) => ctx.step(`step ${i}`, () => i));
    await Promise.race([ctx.sleep(1), ...steps]);
    await ctx.sleep(5);
    return ctx.child('done', null);
  },
};

function createEngine(store: DrizzleStateStore): DurableEngine {
  const worker = { maxPoll: 20, residentIdle: 1, lease: 600, heartbeat: 150 };
  const engine = new DurableEngine({ store, worker, runtime: quiet });
  for (const [name, run] of Object.entries(bodies)) {
    engine.registerWorkflow({ name, version: '1', run, source: name });
  }
  return engine;
}

interface Case {
  /** What has happened to the database. */
  readonly damage: string;
  readonly sql: readonly string[];
  readonly finding: Partial<DoctorFinding>;
}

const secondOutcome =
  'insert into durable_history (run_id, branch, seq, type, kind, position, name, cause, attempt, recorded_at, worker) ' +
  "select run_id, branch, 99, 'completed', kind, position, name, cause, attempt, recorded_at, worker " +
  "from durable_history where run_id = 'done' and type = 'completed'";
const secondTask =
  'insert into durable_tasks (id, namespace, run_id, branch, position, attempt, step, token, idempotency_key, priority, visible_at, takes, input) ' +
  "select 'again', namespace, run_id, branch, position, 2, step, token, idempotency_key, priority, visible_at, takes, input " +
  "from durable_tasks where run_id = 'remote'";
const strayTask = secondTask.replace("'again', namespace, run_id", "'again', namespace, 'done'");
const payload =
  'insert into durable_signals (namespace, token, id, consumed, accepted_at, expires_at, payload) ' +
  "values ('default', 'go', 'stray', 0, 1, 9999999999999, '{}')";
const message =
  'insert into durable_inbox (run_id, branch, message_key, body, accepted_at) ' +
  `values ('timer', -1, 'cancel', '{"kind":"cancel","reason":"-"}', 1)`;

const set = (runId: string, change: string): string =>
  `update durable_runs set ${change} where id = '${runId}'`;
const remove = (table: string, runId: string): string =>
  `delete from ${table} where run_id = '${runId}'`;

const cases: readonly Case[] = [
  {
    damage: 'a second outcome of an operation',
    sql: [secondOutcome],
    finding: { invariant: 'I1', runId: 'done', what: 'an operation has 2 outcomes', position: 1 },
  },
  {
    damage: 'another input',
    sql: [set('done', `input = '"other"'`)],
    finding: { invariant: 'I3', runId: 'done' },
  },
  {
    damage: 'an input that is no JSON',
    sql: [set('done', "input = '{'")],
    finding: { invariant: 'I3', runId: 'done' },
  },
  {
    damage: 'an ended run with an owner',
    sql: [set('done', "worker = 'w'")],
    finding: { invariant: 'I10', runId: 'done', what: 'it is completed and has an owner' },
  },
  {
    damage: 'an ended run without a time of its end',
    sql: [set('failed', 'finished_at = null')],
    finding: { invariant: 'I10', runId: 'failed', what: 'it is failed without a time of its end' },
  },
  {
    damage: 'a failed run that is completed as well',
    sql: [set('failed', "status = 'completed'")],
    finding: { invariant: 'I10', runId: 'failed', what: 'it is completed with an error' },
  },
  {
    damage: 'an ended run that is back at work',
    sql: [
      set('done', "status = 'suspended', output = null, waiting_for = null"),
      "insert into durable_ready values ('done', 'default', 'done@1', 0, 1)",
    ],
    finding: { invariant: 'I10', runId: 'done', what: 'it is suspended with a time of its end' },
  },
  {
    damage: 'a wait of an ended run',
    sql: [
      'insert into durable_waits (run_id, token, namespace, position, line_no) ' +
        "values ('done', 'late', 'default', 1, 1)",
    ],
    finding: { invariant: 'I10', runId: 'done', what: "it has ended and waits for 'late'" },
  },
  {
    damage: 'an attempt of an ended run',
    sql: [strayTask],
    finding: { invariant: 'I10', runId: 'done', what: 'it has ended and has an open attempt' },
  },
  {
    damage: 'a child that ended without a word',
    sql: [
      set('child', "status = 'cancelled', finished_at = 1, waiting_for = null"),
      remove('durable_waits', 'child'),
      "insert into durable_ready values ('parent', 'default', 'parent@1', 0, 1)",
    ],
    finding: { invariant: 'I10', runId: 'parent', what: 'its child child has ended untold' },
  },
  {
    damage: 'an owner that never was',
    sql: [set('timer', "worker = 'nobody', status = 'running'")],
    finding: { invariant: 'I12', runId: 'timer', what: 'its owner nobody is no known worker' },
  },
  {
    damage: 'a ready row is lost',
    sql: [remove('durable_ready', 'timer')],
    finding: {
      ...{ invariant: 'I12', runId: 'timer' },
      what: "it waits for the timer 'sleep', which is not there",
    },
  },
  {
    damage: 'a wait is lost',
    sql: [remove('durable_waits', 'signal')],
    finding: { invariant: 'I12', runId: 'signal', position: 1 },
  },
  {
    damage: 'a task is lost',
    sql: [remove('durable_tasks', 'remote')],
    finding: { invariant: 'I12', runId: 'remote', position: 1 },
  },
  {
    damage: 'a child is lost',
    sql: ["delete from durable_runs where id = 'child'", remove('durable_waits', 'child')],
    finding: { invariant: 'I12', runId: 'parent', position: 1 },
  },
  {
    damage: 'nothing to wait for',
    sql: [set('signal', 'waiting_for = null')],
    finding: { invariant: 'I12', runId: 'signal' },
  },
  {
    damage: 'a timer that is wound up for too late',
    sql: ["update durable_ready set wake_at = wake_at + 5000 where run_id = 'timer'"],
    finding: { invariant: 'I12', runId: 'timer' },
  },
  {
    damage: 'a payload that woke nobody',
    sql: [payload],
    finding: {
      ...{ invariant: 'I12', runId: 'signal' },
      what: 'something has arrived for it, and nobody is woken',
    },
  },
  {
    damage: 'a message that woke nobody',
    sql: [message],
    finding: {
      ...{ invariant: 'I12', runId: 'timer' },
      what: 'something has arrived for it, and nobody is woken',
    },
  },
  {
    damage: 'two open attempts of one operation',
    sql: [secondTask],
    finding: { invariant: 'I13', runId: 'remote', what: 'an operation has 2 open attempts' },
  },
];

/** @param openClinic makes an empty database */
export function describeDoctor(openClinic: () => Promise<Clinic>): void {
  let clinic: Clinic;
  const engines: DurableEngine[] = [];
  const start = async (): Promise<DurableEngine> => {
    const engine = createEngine(clinic.open());
    await engine.start();
    engines.push(engine);
    return engine;
  };
  beforeEach(async () => {
    clinic = await openClinic();
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.stop()));
    await clinic.dispose();
  });

  /** One run of each kind, as far as it goes, and a process that has left in order. */
  async function populate(): Promise<void> {
    const engine = await start();
    for (const name of ['done', 'failed', 'timer', 'remote', 'signal', 'parent']) {
      await engine.startRun(name, null, { runId: name });
    }
    const settled = async (): Promise<boolean> => {
      const { runs } = await engine.listRuns();
      const statuses = new Set(runs.map(({ status }) => status));
      return runs.length === 7 && !statuses.has('running') && !statuses.has('pending');
    };
    await vi.waitUntil(settled, { timeout: 20_000 });
    await engine.stop();
  }

  describe('a damaged database', () => {
    test.each(cases)('$damage', async ({ sql, finding }) => {
      await populate();
      const store = clinic.open();
      expect(await store.doctor()).toMatchObject({ runs: 7, cursor: null, findings: [] });
      for (const text of sql) await clinic.execute(text);
      const { findings, violations } = await store.doctor();
      expect(findings).toEqual([expect.objectContaining(finding)]);
      expect(violations).toMatchObject({ [finding.invariant ?? '']: 1 });
      await store.close();
    });

    test('lists examples and counts the rest, page by page', async () => {
      await populate();
      await clinic.execute(`update durable_runs set input = '"other"'`);
      const store = clinic.open();
      const all = await store.doctor({ pageSize: 2, examples: 3 });
      expect(all).toMatchObject({ runs: 7, cursor: null, violations: { I3: 7 } });
      expect(all.findings).toHaveLength(3);
      // Without time it does one page, and goes on from there.
      const first = await store.doctor({ pageSize: 4, budgetMs: 0 });
      expect(first).toMatchObject({ runs: 4, violations: { I3: 4 } });
      const rest = await store.doctor({ cursor: first.cursor ?? '' });
      expect(rest).toMatchObject({ runs: 3, cursor: null, violations: { I3: 3 } });
      await expect(store.doctor({ pageSize: 0 })).rejects.toThrow('pageSize');
      await store.close();
    });
  });

  test('has nothing to say while runs are under way, and their processes come and go', async () => {
    const store = clinic.open();
    const engine = await start();
    const runIds = Array.from({ length: 60 }, (_, i) => `run-${i}`);
    for (const [i, runId] of runIds.entries()) {
      await engine.startRun(i % 3 === 0 ? 'parent' : 'many', null, { runId });
      if (i % 10 === 0) expect((await store.doctor({ pageSize: 7 })).findings).toEqual([]);
    }
    // Its runs have an owner that is dead, and nobody to take them yet.
    engine.kill();
    expect((await store.doctor()).findings).toEqual([]);
    const other = await start();
    await other.signal('go', null);
    const isDone = async (): Promise<boolean> => {
      expect((await store.doctor({ pageSize: 50 })).findings).toEqual([]);
      const { runs } = await other.listRuns({ status: ['pending', 'running', 'suspended'] });
      return runs.length === 0;
    };
    await vi.waitUntil(isDone, { timeout: 30_000 });
    await store.close();
  });
}
