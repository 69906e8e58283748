import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  consoleLogger,
  createSystemRuntime,
  InMemoryStateStore,
  remoteStep,
  type StepDefinition,
  type WorkflowCtx,
} from '../src/index.js';
import { crashAndTakeOver, runToEnd, startEngine, until } from './harness.js';
import { wrapStore } from './support/wrap-store.js';

const FAST = { maxPoll: 20, lease: 150, heartbeat: 50 } as const;

describe('recovery', () => {
  it('does not run recorded steps again, and runs the interrupted one again with the same attempt', async () => {
    const store = new InMemoryStateStore();
    const bodies: string[] = [];
    let hang = true;
    const wf = async (ctx: WorkflowCtx) => {
      const random = [ctx.random(), ctx.uuid()];
      const at = ctx.now().getTime();
      const side = ctx.sideEffect(() => Math.random());
      const a = await ctx.step('a', () => {
        bodies.push('a');
        return Math.random();
      });
      const b = await ctx.step('b', (step) => {
        bodies.push(`b${step.attempt}`);
        return hang ? new Promise(() => {}) : 'b';
      });
      return { random, at, side, a, b, again: [ctx.random(), ctx.uuid()] };
    };
    const first = await startEngine({ store, worker: FAST, workflows: { wf } });
    const { runId } = await first.startRun('wf', null);
    await until(() => bodies.includes('b1'));
    hang = false;
    const second = await crashAndTakeOver(first, { store, workflows: { wf } });
    const result = await second.waitForRun(runId, { timeout: '5s' });
    expect(result.status).toBe('completed');
    expect(bodies).toEqual(['a', 'b1', 'b1']);
    const history = await second.history(runId);
    expect(history.map(({ seq, kind, name }) => `${seq} ${kind} ${name}`)).toEqual([
      '1 sideEffect sideEffect',
      '2 step a',
      '3 step b',
    ]);
    const { output } = result as { output: { side: number; a: number } };
    expect([output.side, output.a]).toEqual([history[0]?.result, history[1]?.result]);
  });

  it('replays combinators, sleeps and signals to the same result from an evicted coroutine', async () => {
    const bodies: string[] = [];
    const engine = await startEngine({
      worker: { ...FAST, residentCount: 0 },
      workflows: {
        wf: async (ctx) => {
          const log: string[] = [];
          for (let i = 0; i < 3; i += 1) {
            const winner = await Promise.race([
              ctx.sleep(10 + i).then(() => 'sleep'),
              ctx.step(`s${i}`, async () => {
                bodies.push(`s${i}`);
                return `s${i}`;
              }),
            ]);
            log.push(winner);
            await ctx.sleep(1);
          }
          log.push(ctx.uuid());
          const got = await ctx.waitForSignal<string>('go', { timeout: '5s' });
          return [...log, got];
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await until(async () =>
      (await engine.getRun(runId)).waitingFor.some(({ kind }) => kind === 'signal'),
    );
    expect(engine.residentRuns).toBe(0);
    await engine.signal('go', 'now');
    const result = await engine.waitForRun(runId, { timeout: '5s' });
    expect(result).toMatchObject({ output: ['s0', 's1', 's2', expect.any(String), 'now'] });
    expect(bodies).toEqual(['s0', 's1', 's2']);
  });

  it('keeps a patch decision', async () => {
    const store = new InMemoryStateStore();
    const seen: boolean[] = [];
    const before = async (ctx: WorkflowCtx) => {
      await ctx.step('old', () => 1);
      await ctx.waitForSignal('go');
      return 'old code';
    };
    const after = async (ctx: WorkflowCtx) => {
      const patched = ctx.patched('new-step');
      seen.push(patched);
      if (patched) await ctx.step('new', () => 2);
      await ctx.step('old', () => 1);
      await ctx.waitForSignal('go');
      return ctx.patched('new-step') ? 'patched' : 'unpatched';
    };
    const first = await startEngine({ store, worker: FAST, workflows: { wf: before } });
    const { runId: old } = await first.startRun('wf', null);
    await until(async () => (await first.getRun(old)).status === 'suspended');
    const second = await crashAndTakeOver(first, { store, workflows: { wf: after } });
    const { runId: fresh } = await second.startRun('wf', null);
    await until(async () => (await second.getRun(fresh)).status === 'suspended');
    const third = await crashAndTakeOver(second, { store, workflows: { wf: after } });
    await third.signal('go');
    await third.signal('go');
    expect(await third.waitForRun(old, { timeout: '5s' })).toMatchObject({ output: 'unpatched' });
    expect(await third.waitForRun(fresh, { timeout: '5s' })).toMatchObject({ output: 'patched' });
    expect(seen).toEqual([true, false, true]);
  });
});

describe('a body that does not fit its history', () => {
  it('is blocked with what was recorded and what was asked for, and goes on after a repaired deploy', async () => {
    const store = new InMemoryStateStore();
    const original = async (ctx: WorkflowCtx) => {
      await ctx.step('charge', () => 1);
      await ctx.waitForSignal('go');
      return 'done';
    };
    const broken = async (ctx: WorkflowCtx) => {
      await ctx.step('refund', () => 2);
      await ctx.waitForSignal('go');
    };
    const first = await startEngine({ store, worker: FAST, workflows: { wf: original } });
    const { runId } = await first.startRun('wf', null);
    await until(async () => (await first.getRun(runId)).status === 'suspended');
    const second = await crashAndTakeOver(first, { store, workflows: { wf: broken } });
    await second.signal('go');
    await until(async () => (await second.getRun(runId)).status === 'blocked');
    const { reason } = await second.getRun(runId);
    expect(reason).toContain('step "charge"');
    expect(reason).toContain('step "refund"');
    await expect(second.waitForRun(runId)).rejects.toMatchObject({ code: 'RUN_BLOCKED' });
    const third = await crashAndTakeOver(second, { store, workflows: { wf: original } });
    await third.retry(runId);
    expect(await third.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 'done' });
  });

  it('that leaves recorded operations out is blocked', async () => {
    const store = new InMemoryStateStore();
    const original = async (ctx: WorkflowCtx) => {
      await Promise.all([ctx.step('a', () => 1), ctx.step('b', () => 2)]);
      await ctx.waitForSignal('go');
    };
    const shorter = async (ctx: WorkflowCtx) => {
      await ctx.step('a', () => 1);
      await ctx.waitForSignal('go');
    };
    const first = await startEngine({ store, worker: FAST, workflows: { wf: original } });
    const { runId } = await first.startRun('wf', null);
    await until(async () => (await first.getRun(runId)).status === 'suspended');
    const second = await crashAndTakeOver(first, { store, workflows: { wf: shorter } });
    await second.signal('go');
    await until(async () => (await second.getRun(runId)).status === 'blocked');
    expect((await second.getRun(runId)).error).toMatchObject({ code: 'DETERMINISM' });
  });

  it('that awaits something foreign is blocked, with the step after which it happened', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.step('first', () => 1);
          await new Promise((resolve) => setTimeout(resolve, 5));
          await ctx.step('second', () => 2);
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await expect(engine.waitForRun(runId, { timeout: '5s' })).rejects.toMatchObject({
      code: 'RUN_BLOCKED',
    });
    const { error } = await engine.getRun(runId);
    expect(error).toMatchObject({ code: 'FOREIGN_AWAIT' });
    expect((error as Error).message).toContain("step 'first' (position 1)");
  });

  it('that goes on outside its window beside a pending operation is noticed', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const foreign = async () => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            await ctx.step('foreign', () => 2);
          };
          await Promise.all([
            ctx.step('long', () => new Promise((r) => setTimeout(r, 500))),
            foreign(),
          ]);
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await expect(engine.waitForRun(runId, { timeout: '5s' })).rejects.toThrow(/foreign/);
  });
});

describe('retry', () => {
  it('keeps recorded results, runs the failed step again, and opens a branch', async () => {
    const bodies: string[] = [];
    let broken = true;
    const engine = await startEngine({
      retry: { initialDelay: 1 },
      workflows: {
        wf: async (ctx) => {
          const a = await ctx.step('a', () => {
            bodies.push('a');
            return 'a';
          });
          const b = await ctx.step('b', () => {
            bodies.push('b');
            if (broken) throw new Error('down');
            return 'b';
          });
          return a + b;
        },
      },
    });
    const { runId, status } = await runToEnd(engine);
    expect(status).toBe('failed');
    broken = false;
    expect(await engine.retry(runId)).toMatchObject({ branch: 1 });
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({ output: 'ab' });
    expect(bodies).toEqual(['a', 'b', 'b', 'b', 'b']);
    expect((await engine.history(runId, { branch: 0 })).map(({ type }) => type)).toEqual([
      'completed',
      'attemptFailed',
      'attemptFailed',
      'failed',
    ]);
    await expect(engine.retry(runId)).rejects.toMatchObject({ code: 'RUN_STATE', httpStatus: 409 });
  });
});

describe('a shutdown', () => {
  it('hands a remote step that did not end in time to another process', async () => {
    const store = new InMemoryStateStore();
    const contract = remoteStep({ name: 'slow', input: z.null(), output: z.string() });
    const bodies: string[] = [];
    const step = (name: string, invoke: () => unknown): StepDefinition => ({
      name: 'slow',
      contract: contract as never,
      invoke: () => {
        bodies.push(name);
        return invoke();
      },
      source: name,
    });
    const workflows = { wf: (ctx: WorkflowCtx) => ctx.remote(contract, null) };
    const first = await startEngine({
      store,
      shutdownTimeout: 20,
      workflows,
      steps: [step('first', () => new Promise(() => {}))],
    });
    const { runId } = await first.startRun('wf', null);
    await until(() => bodies.length === 1);
    const second = await startEngine({ store, workflows, steps: [step('second', () => 'done')] });
    await first.stop();
    expect(await second.waitForRun(runId, { timeout: '8s' })).toMatchObject({ output: 'done' });
    expect(bodies).toEqual(['first', 'second']);
  }, 10_000);

  it('lets a running step end, records it, and starts no other', async () => {
    const store = new InMemoryStateStore();
    const bodies: string[] = [];
    let finish = () => {};
    const workflows = {
      wf: async (ctx: WorkflowCtx) => {
        await ctx.step('a', () => {
          bodies.push('a');
          return new Promise<void>((resolve) => {
            finish = resolve;
          });
        });
        await ctx.step('b', () => {
          bodies.push('b');
        });
      },
    };
    const first = await startEngine({ store, workflows });
    const { runId } = await first.startRun('wf', null);
    await until(() => bodies.length === 1);
    const stopping = first.stop();
    finish();
    await stopping;
    expect(bodies).toEqual(['a']);
    const second = await startEngine({ store, workflows });
    expect(await second.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      status: 'completed',
    });
    expect(bodies).toEqual(['a', 'b']);
  });
});

describe('workflow code that starts a timer whose callback only sets a variable', () => {
  it('is warned of, with the line and the step after which it happened', async () => {
    const warnings: string[] = [];
    const logger = { ...consoleLogger, warn: (message: string) => warnings.push(message) };
    const engine = await startEngine({
      runtime: createSystemRuntime(logger),
      detectForeignCalls: true,
      workflows: {
        wf: async (ctx) => {
          let late = false;
          await ctx.step('first', () => setTimeout(() => {}, 0) && 1);
          setTimeout(() => {
            late = true;
          }, 1);
          await ctx.step('second', () => new Promise((resolve) => setTimeout(resolve, 5, null)));
          return late;
        },
      },
    });
    await runToEnd(engine);
    await runToEnd(engine);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/Timeout at .*recovery\.test\.ts:\d+.*step 'first' \(position 1\)/);
  });
});

describe('waiting for a run while the process stops', () => {
  it('ends with an error that says so', async () => {
    const engine = await startEngine({ workflows: { wf: (ctx) => ctx.sleep('1 day') } });
    const { runId } = await engine.startRun('wf', null);
    const waiting = expect(engine.waitForRun(runId, { timeout: '1m' })).rejects.toMatchObject({
      code: 'SHUTDOWN',
    });
    await engine.stop();
    await waiting;
    await expect(engine.getRun(runId)).rejects.toMatchObject({ code: 'SHUTDOWN' });
  });
});

describe('a rejection that nobody awaits yet', () => {
  const script = fileURLToPath(new URL('./support/early-rejection-process.ts', import.meta.url));
  const hooks = new URL('../../testing/scripts/source-hooks.mjs', import.meta.url).href;
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', hooks, script, ...args], { encoding: 'utf8' });

  it('of a helper in a workflow does not end the process; the body meets it when it awaits', () => {
    const { status, stdout } = run();
    expect(stdout).toContain('"output":"early"');
    expect(stdout).toContain('alive');
    expect(status).toBe(0);
  });

  it('of anything else ends the process as ever', () => {
    const { status, stdout, stderr } = run('foreign');
    expect(stdout).not.toContain('alive');
    expect(stderr).toContain('not of a workflow');
    expect(status).toBe(1);
  });
});

describe('retry of a run with a started child', () => {
  it('gets the end that the child came to while the run was failed', async () => {
    let broken = true;
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const child = await ctx.startChild('kid', null, { closePolicy: 'abandon' });
          if (broken) throw new Error('broken body');
          return child.result();
        },
        kid: (ctx) => ctx.waitForSignal('kid'),
      },
    });
    const { runId, status } = await runToEnd(engine);
    expect(status).toBe('failed');
    const { runs } = await engine.listRuns({ parentRunId: runId });
    await engine.signal('kid', 'from the child');
    await engine.waitForRun(runs[0]?.runId ?? '', { timeout: '5s' });
    broken = false;
    await engine.retry(runId);
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      output: 'from the child',
    });
  });

  it('gets the end that came while the retry was under way, by a process that died then', async () => {
    const store = new InMemoryStateStore();
    let broken = true;
    const workflows = {
      wf: async (ctx: WorkflowCtx) => {
        const child = await ctx.startChild('kid', null, { closePolicy: 'abandon' });
        if (broken) throw new Error('broken body');
        return child.result();
      },
      kid: (ctx: WorkflowCtx) => ctx.waitForSignal('kid'),
    };
    const engine = await startEngine({ store, workflows });
    const { runId } = await runToEnd(engine);
    const { runs } = await engine.listRuns({ parentRunId: runId });
    broken = false;
    const dying = wrapStore(store, {
      retry: async (request) => {
        await engine.signal('kid', 'from the child');
        await engine.waitForRun(runs[0]?.runId ?? '', { timeout: '5s' });
        await store.retry(request);
        throw new Error('the process has died');
      },
    });
    const client = await startEngine({ store: dying, worker: false, workflows: {} });
    await expect(client.retry(runId)).rejects.toThrow('died');
    expect(await engine.waitForRun(runId, { timeout: '5s' })).toMatchObject({
      output: 'from the child',
    });
  });
});
