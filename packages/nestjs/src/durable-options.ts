import type { EngineOptions, StateStore, Transport } from '@dudousxd/nestjs-durable-core';
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';

/**
 * Settings of `DurableModule`. Which are there decides the role of the process:
 *
 * | store | transport | worker | role |
 * |---|---|---|---|
 * | yes | any | not `false` | executes runs; without a transport remote steps run in this process |
 * | yes | any | `false` | starts and signals runs, executes none |
 * | no | yes | – | a pure step worker: serves its `@DurableStep` contracts, needs no database |
 *
 * A step worker takes `namespace`, `codec`, `shutdownTimeout` and `worker.lease`: give it those of its engines.
 */
export interface DurableModuleOptions
  extends Omit<EngineOptions, 'store' | 'transport' | 'runtime'> {
  /** Where runs are kept. */
  readonly store?: StateStore;
  /** Carries remote steps. @default in this process */
  readonly transport?: Transport;
}

/** Options that need other providers. */
export interface DurableModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  readonly useFactory: (
    ...dependencies: never[]
  ) => DurableModuleOptions | Promise<DurableModuleOptions>;
}
