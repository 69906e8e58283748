import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_FILTER, DiscoveryModule } from '@nestjs/core';
import { DurableExplorer } from './durable.explorer.js';
import { DurableHost } from './durable.host.js';
import { DURABLE_OPTIONS } from './durable.tokens.js';
import { DurableExceptionFilter } from './durable-exception.filter.js';
import type { DurableModuleAsyncOptions, DurableModuleOptions } from './durable-options.js';
import { WorkflowService } from './workflow.service.js';

/**
 * Durable workflows for an application. Global: import it once, in the root module; `WorkflowService` can then be
 * injected anywhere, and providers under `@Workflow` and `@DurableStep` are found wherever they are provided.
 *
 * The engine starts when all providers are there (`onApplicationBootstrap`), and `app.close()` waits until running steps
 * have ended, up to `shutdownTimeout`; call `app.enableShutdownHooks()` for the same on SIGTERM. A wiring that cannot
 * work stops the boot with a `DurableWiringError` that names the classes.
 */
@Module({})
export class DurableModule {
  /** For options that need nothing of the application. */
  static forRoot(options: DurableModuleOptions): DynamicModule {
    return define({ provide: DURABLE_OPTIONS, useValue: options });
  }

  /** For options made of other providers: a database connection, an emitter, configuration. */
  static forRootAsync(options: DurableModuleAsyncOptions): DynamicModule {
    const { imports = [], inject = [], useFactory } = options;
    return define({ provide: DURABLE_OPTIONS, inject, useFactory }, imports);
  }
}

function define(
  options: Provider,
  imports: NonNullable<DynamicModule['imports']> = [],
): DynamicModule {
  return {
    module: DurableModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [
      options,
      DurableExplorer,
      DurableHost,
      WorkflowService,
      { provide: APP_FILTER, useClass: DurableExceptionFilter },
    ],
    exports: [WorkflowService],
  };
}
