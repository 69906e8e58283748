import {
  defineSignal,
  InMemoryStateStore,
  type LifecycleEvent,
  SchemaValidationError,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { EventEmitterTransport } from '@dudousxd/nestjs-durable-transport-event-emitter';
import { Injectable, Module } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DurableModule, Workflow, WorkflowService } from '../src/index.js';
import { boot } from './support.js';

@Workflow({ name: 'checkout', version: '1' })
class CheckoutWorkflow {
  async run(ctx: WorkflowCtx, order: { id: string; total: number }) {
    await ctx.step('reserveStock', async () => ({ reserved: true }));
    const approval = await ctx.waitForSignal<{ approved: boolean }>(`approve:${order.id}`);
    if (!approval.approved) return { status: 'rejected' };
    await ctx.step('ship', async () => ({ shipped: true }));
    return { status: 'shipped' };
  }
}

@Module({
  imports: [
    EventEmitterModule.forRoot(),
    DurableModule.forRootAsync({
      inject: [EventEmitter2],
      useFactory: (emitter: EventEmitter2) => ({
        store: new InMemoryStateStore(),
        transport: new EventEmitterTransport(emitter),
      }),
    }),
  ],
  providers: [CheckoutWorkflow],
})
class AppModule {}

const order = { id: 'o-1', total: 100 };

async function start() {
  const app = await boot(await Test.createTestingModule({ imports: [AppModule] }).compile());
  return app.get(WorkflowService);
}

describe('the quickstart', () => {
  it('starts pending, waits for the signal, ships, and tells how it ended', async () => {
    const workflows = await start();
    const started = await workflows.start('checkout', order);
    expect(started).toMatchObject({ status: 'pending', created: true });
    await workflows.signal('approve:o-1', { approved: true });
    expect(await workflows.waitForRun(started.runId)).toEqual({
      runId: started.runId,
      status: 'completed',
      output: { status: 'shipped' },
    });
    const steps = (await workflows.history(started.runId)).filter(({ kind }) => kind === 'step');
    expect(steps.map(({ name, type }) => [name, type])).toEqual([
      ['reserveStock', 'completed'],
      ['ship', 'completed'],
    ]);
  });

  it('takes the other branch when it is rejected', async () => {
    const workflows = await start();
    const { runId } = await workflows.start(CheckoutWorkflow, order);
    await workflows.signal('approve:o-1', { approved: false });
    expect(await workflows.waitForRun(runId)).toMatchObject({ output: { status: 'rejected' } });
  });

  it('shows what a run waits for', async () => {
    const workflows = await start();
    const { runId } = await workflows.start(CheckoutWorkflow, order);
    await expect.poll(async () => (await workflows.get(runId)).status).toBe('suspended');
    const run = await workflows.get(runId);
    expect(run.waitingFor).toMatchObject([{ kind: 'signal', name: 'approve:o-1' }]);
    expect(await workflows.list({ workflow: 'checkout' })).toMatchObject({ runs: [{ runId }] });
    await workflows.cancel(runId, 'out of stock');
    expect(await workflows.waitForRun(runId)).toMatchObject({ status: 'cancelled' });
  });

  it('starts one run per id', async () => {
    const workflows = await start();
    const first = await workflows.start(CheckoutWorkflow, order, { runId: 'order-1' });
    const second = await workflows.start('checkout', order, { runId: 'order-1' });
    expect([first.created, second.created]).toEqual([true, false]);
    await workflows.terminate('order-1');
    await workflows.delete('order-1');
    await expect(workflows.get('order-1')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('tells listeners what has been committed', async () => {
    const workflows = await start();
    const seen: LifecycleEvent['type'][] = [];
    const stop = workflows.on(({ type }) => {
      seen.push(type);
      throw new Error('a listener harms nobody');
    });
    const { runId } = await workflows.start('checkout', order);
    await workflows.signal('approve:o-1', { approved: true });
    await workflows.waitForRun(runId);
    expect(seen[0]).toBe('run.created');
    expect(seen).toContain('run.completed');
    stop();
    const count = seen.length;
    await workflows.start('checkout', order);
    expect(seen).toHaveLength(count);
  });
});

describe('typed signals', () => {
  const approval = defineSignal(
    'approval',
    z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
  );

  @Workflow({ name: 'approved', version: '1' })
  class Approved {
    async run(ctx: WorkflowCtx) {
      return ctx.waitForSignal(approval);
    }
  }

  it('are checked when they are sent, and parsed where they are received', async () => {
    const app = await boot(
      await Test.createTestingModule({
        imports: [DurableModule.forRoot({ store: new InMemoryStateStore() })],
        providers: [Approved],
      }).compile(),
    );
    const workflows = app.get(WorkflowService);
    const wrong = workflows.signal(approval, { at: 'yesterday' });
    await expect(wrong).rejects.toThrow(SchemaValidationError);
    await expect(wrong).rejects.toThrow(/at/);
    const { runId } = await workflows.start(Approved);
    await workflows.signal(approval, { at: '2026-01-02T03:04:05Z' });
    expect(await workflows.waitForRun(runId)).toMatchObject({
      output: { at: new Date('2026-01-02T03:04:05Z') },
    });
  });
});

describe('workflows', () => {
  @Injectable()
  class Stock {
    reserve(sku: string) {
      return `reserved ${sku}`;
    }
  }

  @Workflow({ name: 'injected', version: '1' })
  class Injected {
    constructor(private readonly stock: Stock) {}

    async run(ctx: WorkflowCtx, sku: string) {
      return ctx.step('reserve', () => this.stock.reserve(sku));
    }
  }

  it('are ordinary singletons with constructor injection', async () => {
    @Module({ providers: [Stock, Injected] })
    class StockModule {}
    const app = await boot(
      await Test.createTestingModule({
        imports: [DurableModule.forRoot({ store: new InMemoryStateStore() }), StockModule],
      }).compile(),
    );
    const workflows = app.get(WorkflowService);
    const { runId } = await workflows.start(Injected, 'sku-1');
    expect(await workflows.waitForRun(runId)).toMatchObject({ output: 'reserved sku-1' });
  });
});
