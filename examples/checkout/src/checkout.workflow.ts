import { Workflow } from '@dudousxd/nestjs-durable';
import type { WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { chargeCard } from './checkout.steps.js';
import { PaymentsService } from './payments.service.js';
import { WarehouseService } from './warehouse.service.js';

export interface Order {
  id: string;
  total: number;
}

/** Read it from top to bottom: this is all that happens to an order, however often the process dies on the way. */
@Workflow({ name: 'checkout', version: '1' })
export class CheckoutWorkflow {
  constructor(
    private readonly warehouse: WarehouseService,
    private readonly payments: PaymentsService,
  ) {}

  async run(ctx: WorkflowCtx, order: Order) {
    await ctx.step('reserveStock', (step) => this.warehouse.reserve(order.id, step));

    const amountCents = Math.round(order.total * 100);
    const { chargeId } = await ctx.remote(chargeCard, { orderId: order.id, amountCents });

    const approval = await ctx.waitForSignal<{ approved: boolean }>(`approve:${order.id}`);
    if (!approval.approved) {
      await ctx.step('refund', (step) => this.payments.refund(chargeId, step));
      return { status: 'rejected' };
    }

    await ctx.step('ship', (step) => this.warehouse.ship(order.id, step));
    return { status: 'shipped' };
  }
}
