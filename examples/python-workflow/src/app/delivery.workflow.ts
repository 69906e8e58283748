import { Workflow } from '@dudousxd/nestjs-durable';
import type { StepContext, WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { Logger } from '@nestjs/common';

export interface Delivery {
  parcelId: string;
  address: string;
}

/** A child of the workflow in Python. It could be anybody's: parents know a name, an input and an output. */
@Workflow({ name: 'delivery', version: '1' })
export class DeliveryWorkflow {
  readonly #logger = new Logger('delivery');

  async run(ctx: WorkflowCtx, { parcelId, address }: Delivery) {
    const tourId = await ctx.step('plan-tour', (step) => this.#planTour(address, step));
    await ctx.sleep('200ms');
    await ctx.step('hand-over', (step) => this.#handOver(parcelId, tourId, step));
    return { trackingCode: `tracking-of-${parcelId}` };
  }

  async #planTour(address: string, step: StepContext): Promise<string> {
    this.#logger.log(`planning a tour to ${address}, key ${step.idempotencyKey}`);
    return `tour-to-${address}`;
  }

  async #handOver(parcelId: string, tourId: string, step: StepContext): Promise<void> {
    this.#logger.log(`handing ${parcelId} over to ${tourId}, key ${step.idempotencyKey}`);
  }
}
