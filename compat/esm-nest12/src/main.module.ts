import { Module } from '@nestjs/common';
import { AppModule } from './app.module.js';
import { CheckoutController } from './checkout.controller.js';
import { ChargeWorkflow, Payments } from './payments.js';

/** The landing page's module as it is, and what the page leaves to the reader. */
@Module({
  imports: [AppModule],
  controllers: [CheckoutController],
  providers: [Payments, ChargeWorkflow],
})
export class MainModule {}
