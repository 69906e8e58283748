import {
  InMemoryStateStore,
  remoteStep,
  type StepContext,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { EventEmitterTransport } from '@dudousxd/nestjs-durable-transport-event-emitter';
import type { Type } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  DurableModule,
  type DurableModuleOptions,
  DurableStep,
  Workflow,
  WorkflowService,
} from '../src/index.js';
import { boot, type Gate, makeGate } from './support.js';

/** A workflow whose first step ends when the test says so. */
function makeSlowWorkflow(started: Gate<StepContext>, finish: Gate, onStep: () => void = () => {}) {
  @Workflow({ name: 'slow', version: '1' })
  class SlowWorkflow {
    async run(ctx: WorkflowCtx) {
      await ctx.step('first', async (step) => {
        onStep();
        started.open(step);
        await finish.opened;
      });
      return ctx.step('second', () => 'done');
    }
  }
  return SlowWorkflow;
}

async function compile(options: DurableModuleOptions, ...providers: Type<unknown>[]) {
  return Test.createTestingModule({
    imports: [DurableModule.forRoot(options)],
    providers,
  }).compile();
}

describe('app.close()', () => {
  it('waits for a running step, keeps its result, and leaves the run to the next process', async () => {
    const store = new InMemoryStateStore();
    const [started, finish] = [makeGate<StepContext>(), makeGate()];
    let bodies = 0;
    const Slow = makeSlowWorkflow(started, finish, () => {
      bodies += 1;
    });
    const first = await compile({ store }, Slow);
    await first.init();
    const { runId } = await first.get(WorkflowService).start('slow');
    await started.opened;
    let closed = false;
    const closing = first.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    finish.open();
    await closing;

    const second = await boot(await compile({ store }, Slow));
    const workflows = second.get(WorkflowService);
    expect(await workflows.waitForRun(runId, { timeout: '10s' })).toMatchObject({ output: 'done' });
    const firsts = (await workflows.history(runId)).filter(({ name }) => name === 'first');
    expect(firsts).toHaveLength(1);
    expect(bodies).toBe(1);
  });

  it('aborts a step that outlasts the shutdown timeout', async () => {
    const store = new InMemoryStateStore();
    const [started, finish] = [makeGate<StepContext>(), makeGate()];
    const app = await compile({ store, shutdownTimeout: 30 }, makeSlowWorkflow(started, finish));
    await app.init();
    await app.get(WorkflowService).start('slow');
    const { signal } = await started.opened;
    await app.close();
    expect(signal.aborted).toBe(true);
    finish.open();
  });

  it('waits for a remote step of this process too', async () => {
    const contract = remoteStep({ name: 'remote', input: z.string(), output: z.string() });
    const [started, finish] = [makeGate(), makeGate()];
    let calls = 0;

    class Remote {
      @DurableStep(contract)
      async serve(input: string) {
        calls += 1;
        started.open();
        await finish.opened;
        return input;
      }
    }

    @Workflow({ name: 'remote', version: '1' })
    class RemoteWorkflow {
      async run(ctx: WorkflowCtx) {
        return ctx.remote(contract, 'done');
      }
    }

    const store = new InMemoryStateStore();
    const build = () =>
      Test.createTestingModule({
        imports: [
          EventEmitterModule.forRoot(),
          DurableModule.forRootAsync({
            inject: [EventEmitter2],
            useFactory: (emitter: EventEmitter2) => ({
              store,
              transport: new EventEmitterTransport(emitter),
            }),
          }),
        ],
        providers: [Remote, RemoteWorkflow],
      }).compile();
    const first = await build();
    await first.init();
    const { runId } = await first.get(WorkflowService).start(RemoteWorkflow);
    await started.opened;
    const closing = first.close();
    finish.open();
    await closing;
    const second = await boot(await build());
    expect(await second.get(WorkflowService).waitForRun(runId, { timeout: '10s' })).toMatchObject({
      output: 'done',
    });
    expect(calls).toBe(1);
  });

  it('answers calls that come later with 503, and may be repeated', async () => {
    const app = await compile({ store: new InMemoryStateStore() });
    await app.init();
    const workflows = app.get(WorkflowService);
    await app.close();
    await expect(workflows.start('slow')).rejects.toMatchObject({
      code: 'SHUTDOWN',
      httpStatus: 503,
    });
    await app.close();
  });

  it('works for an application that was never initialized, or failed to', async () => {
    const store = new InMemoryStateStore();
    await (await compile({ store })).close();
    const broken = await compile({});
    await expect(broken.init()).rejects.toThrow();
    await broken.close();
  });
});
