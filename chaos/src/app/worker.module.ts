import { DurableModule, DurableStep } from '@dudousxd/nestjs-durable';
import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { type DynamicModule, Inject, Module } from '@nestjs/common';
import type { WorkerOptions } from './app-options.js';
import type { Ledger } from './ledger.js';
import { redisOptions } from './redis-connection.js';
import { REMOTE_STEPS, type RemoteWork } from './remote-steps.js';
import { StepBodies } from './step-bodies.js';

/** Serves the remote steps of programs, all but those for Python. */
class RemoteHandlers {
  readonly #bodies: StepBodies;

  constructor(@Inject(StepBodies) bodies: StepBodies) {
    this.#bodies = bodies;
  }

  @DurableStep(REMOTE_STEPS.any)
  any(work: RemoteWork, step: StepContext) {
    return this.#work(work, step);
  }

  @DurableStep(REMOTE_STEPS.node)
  node(work: RemoteWork, step: StepContext) {
    return this.#work(work, step);
  }

  async #work({ run, key, ms, failures }: RemoteWork, step: StepContext) {
    const work = () => this.#bodies.work(ms, failures, step);
    return { key, ...(await this.#bodies.run({ run, key, step }, work)) };
  }
}

@Module({})
class WorkerModule {}

/** A worker as a user would write it: a transport, and no store. */
export function workerModule(options: WorkerOptions, ledger: Ledger): DynamicModule {
  return {
    module: WorkerModule,
    imports: [
      DurableModule.forRoot({
        transport: new BullMqTransport({ connection: redisOptions(options.redisUrl) }),
        worker: { lease: options.leaseMs },
        shutdownTimeout: options.shutdownMs,
      }),
    ],
    providers: [
      RemoteHandlers,
      { provide: StepBodies, useValue: new StepBodies(ledger, options.folder) },
    ],
  };
}
