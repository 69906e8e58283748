import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';

/** The input of the workflow `order`, which is in orders/worker.py. */
export interface Order {
  id: string;
  amountCents: number;
  items: string[];
  address: string;
  /** How long it waits for its approval. The default is a day. */
  approvalSeconds?: number;
}

@Controller('orders')
export class OrdersController {
  constructor(private readonly workflows: WorkflowService) {}

  /** Answers when the run is stored. The same request twice is one run. */
  @Post()
  @HttpCode(202)
  order(@Body() order: Order) {
    return this.workflows.start('order', order, { runId: `order-${order.id}` });
  }

  @Post(':id/approve')
  @HttpCode(202)
  approve(@Param('id') id: string) {
    return this.workflows.signal(`approve:${id}`, true, { id: `approve-${id}` });
  }

  @Post(':id/reject')
  @HttpCode(202)
  reject(@Param('id') id: string) {
    return this.workflows.signal(`approve:${id}`, false, { id: `approve-${id}` });
  }
}
