import { DurableStep } from '@dudousxd/nestjs-durable';
import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable } from '@nestjs/common';
import { chargeCard } from './checkout.steps.js';

/** Where a payment provider would be called. Hand it `step.idempotencyKey`: a call that is repeated charges once. */
@Injectable()
export class PaymentsService {
  @DurableStep(chargeCard)
  async charge(input: { orderId: string; amountCents: number }, _step: StepContext) {
    return { chargeId: `charge-of-${input.orderId}` };
  }

  async refund(chargeId: string, _step: StepContext) {
    return { refundId: `refund-of-${chargeId}` };
  }
}
