import { DurableModule } from '@dudousxd/nestjs-durable';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import { EventEmitterTransport } from '@dudousxd/nestjs-durable-transport-event-emitter';
import { Module } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { CheckoutWorkflow } from './checkout.workflow.js';
import { OrdersController } from './orders.controller.js';
import { PaymentsService } from './payments.service.js';
import { WarehouseService } from './warehouse.service.js';

@Module({
  imports: [
    EventEmitterModule.forRoot(),
    DurableModule.forRootAsync({
      inject: [EventEmitter2],
      useFactory: (emitter: EventEmitter2) => ({
        store: new DrizzleStateStore(drizzle(process.env.DATABASE_FILE ?? 'checkout.sqlite')),
        transport: new EventEmitterTransport(emitter),
        // After this time without a heartbeat, other processes take over what a dead one was doing.
        worker: { lease: process.env.LEASE ?? '30s' },
      }),
    }),
  ],
  controllers: [OrdersController],
  providers: [CheckoutWorkflow, PaymentsService, WarehouseService],
})
export class AppModule {}
