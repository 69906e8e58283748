import { DurableStep } from '@dudousxd/nestjs-durable';
import { RetryableError, type StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable } from '@nestjs/common';
import { chargeCard, refundCharge } from '../contracts.js';

/** From this amount on, our bank is always busy at first. */
const LARGE_CENTS = 10_000;

/** Where a payment provider would be called. Hand it `step.idempotencyKey`: a call that is repeated charges once. */
@Injectable()
export class PaymentsService {
  @DurableStep(chargeCard)
  async charge(input: { orderId: string; amountCents: number }, step: StepContext) {
    if (input.amountCents >= LARGE_CENTS && step.attempt === 1) {
      throw new RetryableError('the bank is busy', { after: '200ms' });
    }
    return { chargeId: `charge-of-${input.orderId}` };
  }

  @DurableStep(refundCharge)
  async refund(input: { chargeId: string }, _step: StepContext) {
    return { refundId: `refund-of-${input.chargeId}` };
  }
}
