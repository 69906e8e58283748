import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Body, Controller, Get, Param, Post } from '@nestjs/common';

/** The landing page's last snippet of the quickstart, behind routes. */
@Controller('orders')
export class CheckoutController {
  constructor(private readonly workflows: WorkflowService) {}

  @Post()
  async checkout(@Body() order: { id: string; total: number }) {
    const { runId } = await this.workflows.start('checkout', order); // → { status: 'pending' }
    return runId; // respond now; a worker runs the workflow body
  }

  // later, from your approval webhook — this completes & ships the run:
  @Post(':id/approve')
  async approve(@Param('id') orderId: string) {
    await this.workflows.signal(`approve:${orderId}`, { approved: true });
  }

  @Get('runs/:runId')
  async get(@Param('runId') runId: string) {
    return this.workflows.get(runId);
  }
}
