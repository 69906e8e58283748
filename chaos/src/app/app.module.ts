import { DurableModule } from '@dudousxd/nestjs-durable';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { AppOptions } from './app-options.js';
import type { Ledger } from './ledger.js';
import { ProgramWorkflow } from './program.workflow.js';
import { redisOptions } from './redis-connection.js';
import { RunsController } from './runs.controller.js';
import { StepBodies } from './step-bodies.js';
import { APPLICATION_NAME, openStore } from './store-factory.js';
import { watchStore } from './watch-store.js';

@Module({})
class AppModule {}

/** An application as a user would write it, but for the watched store. */
export function appModule(options: AppOptions, ledger: Ledger): DynamicModule {
  const { store } = openStore(options.store, options.databaseUrl, APPLICATION_NAME);
  return {
    module: AppModule,
    imports: [
      DurableModule.forRoot({
        store: watchStore(store, ledger),
        ...(options.redisUrl === null
          ? {}
          : { transport: new BullMqTransport({ connection: redisOptions(options.redisUrl) }) }),
        worker: {
          lease: options.leaseMs,
          heartbeat: options.heartbeatMs,
          maxPoll: options.maxPollMs,
          residentIdle: 1_000,
        },
        shutdownTimeout: options.shutdownMs,
      }),
    ],
    controllers: [RunsController],
    providers: [
      ProgramWorkflow,
      { provide: StepBodies, useValue: new StepBodies(ledger, options.folder) },
    ],
  };
}
