import { DurableModule } from '@dudousxd/nestjs-durable';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Module } from '@nestjs/common';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { Redis } from 'ioredis';
import { DeliveryWorkflow } from './delivery.workflow.js';
import { MailService } from './mail.service.js';
import { OrdersController } from './orders.controller.js';
import { RunsController } from './runs.controller.js';
import { StockService } from './stock.service.js';

/** Says where Redis is. It is not connected itself: the transport makes connections of its own from it. */
const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379', { lazyConnect: true });

/** Owns all runs, also those whose code is in Python: history, timers and signals are in its database. */
@Module({
  imports: [
    DurableModule.forRoot({
      store: new DrizzleStateStore(drizzle(process.env.DATABASE_FILE ?? 'orders.sqlite')),
      transport: new BullMqTransport({ connection: redis }),
      // The Python worker has the same.
      worker: { lease: `${process.env.LEASE_SECONDS ?? '30'}s` },
    }),
  ],
  controllers: [OrdersController, RunsController],
  providers: [DeliveryWorkflow, StockService, MailService],
})
export class AppModule {}
