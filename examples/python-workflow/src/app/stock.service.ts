import { DurableStep } from '@dudousxd/nestjs-durable';
import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable, Logger } from '@nestjs/common';
import { releaseStock, reserveStock } from '../contracts.js';

/** Where your services are. Hand them `step.idempotencyKey`: a call that is repeated after a crash does nothing more. */
@Injectable()
export class StockService {
  readonly #logger = new Logger('stock');

  @DurableStep(reserveStock)
  async reserve({ orderId, items }: { orderId: string; items: string[] }, step: StepContext) {
    this.#logger.log(`reserving ${items.join(', ')}, key ${step.idempotencyKey}`);
    return { reservationId: `reservation-of-${orderId}` };
  }

  /** Also for an order that has nothing reserved: who asks may not know. */
  @DurableStep(releaseStock)
  async release({ orderId }: { orderId: string }, step: StepContext) {
    this.#logger.log(`releasing what ${orderId} has, key ${step.idempotencyKey}`);
  }
}
