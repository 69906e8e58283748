import { InMemoryStateStore, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { Body, Controller, Get, type INestApplication, Module, Param, Post } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { DurableModule, Workflow, WorkflowService } from '../src/index.js';
import { boot } from './support.js';

interface Order {
  readonly id: string;
  readonly total: number;
}

@Workflow({ name: 'checkout', version: '1' })
class CheckoutWorkflow {
  async run(ctx: WorkflowCtx, order: Order) {
    await ctx.waitForSignal(`approve:${order.id}`);
    return { status: 'shipped' };
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly workflows: WorkflowService) {}

  @Post()
  async checkout(@Body() order: Order) {
    return this.workflows.start(CheckoutWorkflow, order, { runId: `order-${order.id}` });
  }

  @Post(':id/approve')
  async approve(@Param('id') id: string) {
    return this.workflows.signal(`approve:${id}`, { approved: true });
  }

  @Get(':id')
  async get(@Param('id') id: string) {
    return this.workflows.get(`order-${id}`);
  }

  @Get(':id/result')
  async result(@Param('id') id: string) {
    return this.workflows.waitForRun(`order-${id}`, { timeout: '10s' });
  }

  @Post(':id/retry')
  async retry(@Param('id') id: string) {
    return this.workflows.retry(`order-${id}`);
  }

  @Post('unknown')
  async unknown() {
    return this.workflows.start('nobody', null);
  }

  @Post('odd')
  async odd() {
    return this.workflows.start('checkout', { id: 'x', total: 1 }, { timeout: -1 });
  }
}

@Module({
  imports: [DurableModule.forRoot({ store: new InMemoryStateStore() })],
  controllers: [OrdersController],
  providers: [CheckoutWorkflow],
})
class AppModule {}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('a controller on %s', (name, makeAdapter) => {
  let app: INestApplication;
  let orders = 0;

  async function call(method: 'GET' | 'POST', path: string, body?: unknown) {
    const response = await fetch(`${await app.getUrl()}/orders${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: response.status, body: await response.json() };
  }

  beforeEach(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = await boot(module.createNestApplication(makeAdapter()));
    await app.listen(0, '127.0.0.1');
  });

  const nextOrder = (): Order => {
    orders += 1;
    return { id: `${name}-${orders}`, total: 100 };
  };

  it('starts a run, and gets its end after the approval', async () => {
    const order = nextOrder();
    const runId = `order-${order.id}`;
    expect(await call('POST', '', order)).toEqual({
      status: 201,
      body: { runId, status: 'pending', created: true },
    });
    const result = call('GET', `/${order.id}/result`);
    await call('POST', `/${order.id}/approve`);
    expect(await result).toEqual({
      status: 200,
      body: { runId, status: 'completed', output: { status: 'shipped' } },
    });
  });

  it('answers 404 for a run and for a workflow that are not there', async () => {
    const run = await call('GET', '/nowhere');
    expect(run).toMatchObject({ status: 404, body: { statusCode: 404, code: 'RUN_NOT_FOUND' } });
    const workflow = await call('POST', '/unknown');
    expect(workflow).toMatchObject({ status: 404, body: { code: 'UNKNOWN_WORKFLOW' } });
  });

  it('answers 409 for a start under an id that is taken, and for a verb that does not fit', async () => {
    const order = nextOrder();
    await call('POST', '', order);
    expect(await call('POST', '', { ...order, total: 7 })).toMatchObject({
      status: 409,
      body: { code: 'RUN_CONFLICT', message: expect.stringContaining(order.id) },
    });
    expect(await call('POST', `/${order.id}/retry`)).toMatchObject({
      status: 409,
      body: { code: 'RUN_STATE' },
    });
  });

  it('answers 400 for an argument that cannot be', async () => {
    expect(await call('POST', '/odd')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('timeout') },
    });
  });
});
