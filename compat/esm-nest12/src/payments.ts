import { DurableStep, Workflow } from '@dudousxd/nestjs-durable';
import type { StepContext, WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { Injectable } from '@nestjs/common';
import { chargeCard } from './checkout.steps.js';

/** Serves the landing page's contract. */
@Injectable()
export class Payments {
  @DurableStep(chargeCard)
  async charge(input: { orderId: string; amountCents: number }, step: StepContext) {
    if (step.attempt === 1) throw new Error('the bank did not answer');
    return { chargeId: `${input.orderId}/${input.amountCents}/attempt ${step.attempt}` };
  }
}

@Workflow({ name: 'charge', version: '1' })
export class ChargeWorkflow {
  async run(ctx: WorkflowCtx, orderId: string) {
    return ctx.remote(chargeCard, { orderId, amountCents: 1250 });
  }
}
