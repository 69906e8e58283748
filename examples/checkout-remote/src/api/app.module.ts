import { DurableModule } from '@dudousxd/nestjs-durable';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Module } from '@nestjs/common';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { redis } from '../redis.js';
import { CheckoutWorkflow } from './checkout.workflow.js';
import { MailService } from './mail.service.js';
import { OrdersController } from './orders.controller.js';

/** Has the database, takes orders and executes workflows. Of remote steps it knows the contracts. */
@Module({
  imports: [
    DurableModule.forRoot({
      store: new DrizzleStateStore(drizzle(process.env.DATABASE_FILE ?? 'checkout.sqlite')),
      transport: new BullMqTransport({ connection: redis }),
    }),
  ],
  controllers: [OrdersController],
  providers: [CheckoutWorkflow, MailService],
})
export class AppModule {}
