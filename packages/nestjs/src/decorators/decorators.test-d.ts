import { remoteStep, type StepContext, type WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';
import type { WorkflowService } from '../workflow.service.js';
import { DurableStep } from './durable-step.decorator.js';
import { Workflow } from './workflow.decorator.js';

const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), at: z.iso.date().transform((day) => new Date(day)) }),
  output: z.object({ cents: z.string().transform(Number) }),
});

export class Payments {
  @DurableStep(chargeCard)
  async full(input: { orderId: string; at: Date }, step: StepContext) {
    return { cents: `${input.orderId.length + step.attempt}` };
  }

  @DurableStep(chargeCard)
  short(): { cents: string } {
    return { cents: '1' };
  }

  // @ts-expect-error the handler gets the parsed date
  @DurableStep(chargeCard)
  async wire(input: { orderId: string; at: string }) {
    return { cents: input.at };
  }

  // @ts-expect-error the handler returns what the schema takes: a string
  @DurableStep(chargeCard)
  async parsed() {
    return { cents: 1 };
  }

  @DurableStep()
  local(input: { sku: string }, step: StepContext): string {
    return input.sku + step.idempotencyKey;
  }

  @DurableStep('payments.refund')
  async named(_input: number): Promise<void> {}
}

@Workflow({ name: 'checkout', version: '1', default: true })
export class Checkout {
  async run(ctx: WorkflowCtx, order: { id: string }): Promise<{ status: string }> {
    return { status: `${ctx.runId}${order.id}` };
  }
}

@Workflow({ name: 'nightly', version: '1' })
export class Nightly {
  async run(_ctx: WorkflowCtx): Promise<void> {}
}

/** The context may be typed by the store's transactions. */
@Workflow({ name: 'typed', version: '1' })
export class Typed {
  async run(ctx: WorkflowCtx<{ query(sql: string): Promise<void> }>): Promise<void> {
    await ctx.transaction('save', (tx) => tx.query('select 1'));
  }
}

// @ts-expect-error a workflow has a run method
@Workflow({ name: 'nothing', version: '1' })
export class Nothing {}

declare const workflows: WorkflowService;

void workflows.start(Checkout, { id: 'o-1' }, { runId: 'r-1', tags: ['a'] });
void workflows.start(Nightly);
void workflows.start('checkout', { id: 'o-1' });
void workflows.start('nightly');
// @ts-expect-error the class says what its input is
void workflows.start(Checkout, { id: 1 });
// @ts-expect-error and that it needs one
void workflows.start(Checkout);
