import { DurableStep } from '@dudousxd/nestjs-durable';
import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable, Logger } from '@nestjs/common';
import { sendMail } from '../contracts.js';

/** Where mails would be sent. */
@Injectable()
export class MailService {
  readonly #logger = new Logger('mail');

  @DurableStep(sendMail)
  async send({ orderId, subject }: { orderId: string; subject: string }, step: StepContext) {
    this.#logger.log(`sending "${subject}", key ${step.idempotencyKey}`);
    return { mailId: `mail-to-buyer-of-${orderId}` };
  }
}
