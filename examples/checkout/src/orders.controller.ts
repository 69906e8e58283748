import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { CheckoutWorkflow, type Order } from './checkout.workflow.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly workflows: WorkflowService) {}

  /** Answers when the run is stored; a worker runs its code. The same request twice is one run. */
  @Post()
  @HttpCode(202)
  checkout(@Body() order: Order) {
    return this.workflows.start(CheckoutWorkflow, order, { runId: runIdOf(order.id) });
  }

  @Post(':id/approve')
  @HttpCode(202)
  approve(@Param('id') id: string) {
    return this.workflows.signal(`approve:${id}`, { approved: true }, { id: 'approval' });
  }

  @Post(':id/reject')
  @HttpCode(202)
  reject(@Param('id') id: string) {
    return this.workflows.signal(`approve:${id}`, { approved: false }, { id: 'approval' });
  }

  @Get(':id')
  async get(@Param('id') id: string) {
    const { status, waitingFor, output } = await this.workflows.get(runIdOf(id));
    return { status, waitingFor, output };
  }

  /** Answers when the order is done. */
  @Get(':id/result')
  result(@Param('id') id: string) {
    return this.workflows.waitForRun(runIdOf(id), { timeout: '1m' });
  }

  @Get(':id/history')
  history(@Param('id') id: string) {
    return this.workflows.history(runIdOf(id));
  }
}

function runIdOf(orderId: string): string {
  return `order-${orderId}`;
}
