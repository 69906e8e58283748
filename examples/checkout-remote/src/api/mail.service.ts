import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable } from '@nestjs/common';

/** Where mails would be sent. */
@Injectable()
export class MailService {
  async sendReceipt(chargeId: string, _step: StepContext) {
    return { mailId: `receipt-for-${chargeId}` };
  }
}
