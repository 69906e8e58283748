import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { CheckoutWorkflow, type Order } from './checkout.workflow.js';
import { timelineOf } from './timeline.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly workflows: WorkflowService) {}

  /** Answers when the run is stored. The same request twice is one run. */
  @Post()
  @HttpCode(202)
  checkout(@Body() order: Order) {
    return this.workflows.start(CheckoutWorkflow, order, { runId: runIdOf(order.id) });
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

  @Get(':id/timeline')
  async timeline(@Param('id') id: string) {
    return timelineOf(await this.workflows.history(runIdOf(id)));
  }
}

function runIdOf(orderId: string): string {
  return `order-${orderId}`;
}
