/** Handlers of remote steps that take their process down with them. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  type DurableEngine,
  InMemoryStateStore,
  type RemoteCrashError,
  remoteStep,
  type StepDefinition,
  type WorkflowCtx,
} from '../src/index.js';
import { createEngine, quietRuntime, until } from './harness.js';
import { gate, wrapStore } from './support/wrap-store.js';

const FAST = { maxPoll: 20, lease: 150, heartbeat: 50 } as const;

const render = (retries: number) =>
  remoteStep({
    name: 'render',
    input: z.number(),
    output: z.number(),
    retries,
    retry: { initialDelay: 1 },
  });

interface Process {
  readonly store: InMemoryStateStore;
  readonly retries?: number;
  readonly invoke: (die: () => void) => Promise<unknown>;
}

async function startProcess({ store, retries = 0, invoke }: Process): Promise<DurableEngine> {
  const contract = render(retries);
  const engine: DurableEngine = createEngine({
    store,
    worker: { ...FAST, maxRemoteCrashes: 2 },
    shutdownTimeout: 20,
    runtime: quietRuntime,
    workflows: { wf: (ctx: WorkflowCtx) => ctx.remote(contract, 5) },
    steps: [
      {
        name: contract.name,
        contract: contract as never,
        invoke: (() => invoke(() => engine.kill())) as StepDefinition['invoke'],
        source: 'render',
      },
    ],
  });
  await engine.start();
  return engine;
}

/** Begins processes one after the other, each of which dies in the handler, until one does not begin it. */
async function dieOften(options: Omit<Process, 'invoke'>, times: number): Promise<string> {
  let runId = '';
  for (let death = 0; death < times; death += 1) {
    let isDead = false;
    const engine = await startProcess({
      ...options,
      invoke: (die) => {
        die();
        isDead = true;
        return new Promise(() => {});
      },
    });
    if (runId === '') ({ runId } = await engine.startRun('wf', null));
    await until(() => isDead);
  }
  return runId;
}

it('fails the attempt that has killed as many processes as may be, and does not begin it again', async () => {
  const store = new InMemoryStateStore();
  const runId = await dieOften({ store }, 2);
  let begun = 0;
  const last = await startProcess({
    store,
    invoke: async () => {
      begun += 1;
      return 7;
    },
  });
  const result = await last.waitForRun(runId, { timeout: '5s' });
  expect(result).toMatchObject({ status: 'failed', error: { code: 'REMOTE_CRASH' } });
  const { error } = result as { error: RemoteCrashError };
  expect(error.fields).toEqual({ step: 'render', attempt: 1, crashes: 2 });
  expect(begun).toBe(0);
  const types = (await last.history(runId)).map(({ type }) => type);
  expect(types).toEqual(['scheduled', 'failed']);
  await last.stop();
});

it('tries again as the policy says: the next attempt counts from the start', async () => {
  const store = new InMemoryStateStore();
  const runId = await dieOften({ store, retries: 1 }, 2);
  const last = await startProcess({ store, retries: 1, invoke: async () => 7 });
  expect(await last.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 7 });
  const history = await last.history(runId);
  expect(history.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual([
    'scheduled 1',
    'attemptFailed 1',
    'scheduled 2',
    'completed 2',
  ]);
  await last.stop();
});

it('does not count processes that stop in the middle', async () => {
  const store = new InMemoryStateStore();
  let runId = '';
  for (let stops = 0; stops < 4; stops += 1) {
    let begun = false;
    const engine = await startProcess({
      store,
      invoke: () => {
        begun = true;
        return new Promise(() => {});
      },
    });
    if (runId === '') ({ runId } = await engine.startRun('wf', null));
    await until(() => begun);
    await engine.stop();
  }
  const last = await startProcess({ store, invoke: async () => 7 });
  expect(await last.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 7 });
  await last.stop();
});

it('does not count a process that is at work on it, however long it was cut off', async () => {
  const base = new InMemoryStateStore();
  let takes = 0;
  // No sign of life reaches the database, so that the attempt comes into sight time and again.
  const store = wrapStore(base, {
    extendTasks: async () => undefined,
    takeTasks: async (request) => {
      const result = await base.takeTasks(request);
      takes += result.tasks.length;
      return result;
    },
  }) as InMemoryStateStore;
  const finish = gate();
  let begun = 0;
  const engine = await startProcess({
    store,
    invoke: async () => {
      begun += 1;
      await finish.opened;
      return 7;
    },
  });
  const { runId } = await engine.startRun('wf', null);
  await until(() => takes >= 5);
  finish.open();
  expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 7 });
  expect(begun).toBe(1);
  await engine.stop();
});

it('does not blame what ran beside the culprit', async () => {
  const store = new InMemoryStateStore();
  const contract = render(0);
  const runIds: string[] = [];
  const started = gate();
  const start = async (onPoison: (die: () => void) => void) => {
    const engine: DurableEngine = createEngine({
      store,
      worker: { ...FAST, maxRemoteCrashes: 4 },
      runtime: quietRuntime,
      workflows: { wf: (ctx: WorkflowCtx, input: unknown) => ctx.remote(contract, Number(input)) },
      steps: [
        {
          name: contract.name,
          contract: contract as never,
          invoke: (async (input: number) => {
            await started.opened;
            if (input < 0) onPoison(() => engine.kill());
            // Long enough for the culprit to kill its process first.
            await new Promise((resolve) => setTimeout(resolve, 50));
            return input;
          }) as StepDefinition['invoke'],
          source: 'render',
        },
      ],
    });
    await engine.start();
    return engine;
  };
  let deaths = 0;
  for (; deaths < 4; ) {
    const before = deaths;
    const engine = await start((die) => {
      deaths += 1;
      die();
    });
    if (runIds.length === 0) {
      for (const input of [1, 2, -1, 3, 4, 5]) {
        runIds.push((await engine.startRun('wf', input)).runId);
      }
      started.open();
    }
    await until(() => deaths > before, 20_000);
  }
  const last = await start(() => undefined);
  const ends = await Promise.all(runIds.map((id) => last.waitForRun(id, { timeout: '20s' })));
  const statuses = ends.map(({ status }) => status);
  const failed = ['completed', 'completed', 'failed', 'completed', 'completed', 'completed'];
  expect(statuses).toEqual(failed);
  await last.stop();
}, 60_000);
