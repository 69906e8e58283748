import { Workflow } from '@dudousxd/nestjs-durable';
import { FatalError, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { chargeCard, packOrder, refundCharge, shipParcel } from '../contracts.js';
import { MailService } from './mail.service.js';

export interface Order {
  id: string;
  total: number;
  items: string[];
  address: string;
}

/** One workflow, read from top to bottom. Payments are made in Node, parcels in Python; nothing here says so. */
@Workflow({ name: 'checkout', version: '1' })
export class CheckoutWorkflow {
  constructor(private readonly mail: MailService) {}

  async run(ctx: WorkflowCtx, { id, total, items, address }: Order) {
    const amountCents = Math.round(total * 100);
    const { chargeId } = await ctx.remote(chargeCard, { orderId: id, amountCents });
    await ctx.step('sendReceipt', (step) => this.mail.sendReceipt(chargeId, step));
    try {
      const { parcelId } = await ctx.remote(packOrder, { orderId: id, items });
      const { trackingCode } = await ctx.remote(shipParcel, { parcelId, address });
      return { status: 'shipped', trackingCode };
    } catch (error) {
      // Whatever it was, also a cancel of the run: the customer gets the money back.
      await ctx.remote(refundCharge, { chargeId });
      if (!(error instanceof FatalError)) throw error;
      return { status: 'refunded', reason: error.message };
    }
  }
}
