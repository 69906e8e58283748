import { DurableModule } from '@dudousxd/nestjs-durable';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Module } from '@nestjs/common';
import { redis } from '../redis.js';
import { PaymentsService } from './payments.service.js';

/** Serves steps, and has no database: a transport without a store. */
@Module({
  imports: [DurableModule.forRoot({ transport: new BullMqTransport({ connection: redis }) })],
  providers: [PaymentsService],
})
export class PaymentsModule {}
