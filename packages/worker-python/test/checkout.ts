/** The landing page's contract, a workflow that calls it, and a provider that serves it: as an application has them. */
import { DurableStep, Workflow } from '@dudousxd/nestjs-durable';
import { remoteStep, type StepContext, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';

const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 3,
});

@Workflow({ name: 'checkout', version: '1' })
export class CheckoutWorkflow {
  async run(ctx: WorkflowCtx, order: { id: string; total: number }) {
    await ctx.step('reserveStock', async () => ({ reserved: true }));
    const amountCents = Math.round(order.total * 100);
    const { chargeId } = await ctx.remote(chargeCard, { orderId: order.id, amountCents });
    return { status: 'paid', chargeId };
  }
}

/** Lets handlers of orders that hold go on. */
const released = Promise.withResolvers<void>();

export function release(): void {
  released.resolve();
}

export class Payments {
  @DurableStep(chargeCard)
  async charge({ orderId }: { orderId: string; amountCents: number }, { attempt }: StepContext) {
    process.stdout.write(`began ${orderId} ${attempt}\n`);
    if (orderId.startsWith('hold')) await released.promise;
    return { chargeId: `ch-${orderId}` };
  }
}
