/** What a process does with what it provides: run an engine, or serve steps. */
import {
  contractHandler,
  createCodec,
  createSystemRuntime,
  DurableEngine,
  livenessFor,
  parseDuration,
  type Runtime,
  type StateStore,
  type Transport,
  type TransportHost,
} from '@dudousxd/nestjs-durable-core';
import type { Discovery } from './durable.explorer.js';
import type { DurableModuleOptions } from './durable-options.js';
import { nestLogger } from './nest-logger.js';

/** How long a step worker waits for its running handlers: the engine's default. */
const SHUTDOWN_TIMEOUT = '10s';
/** How long a silent process keeps what it has taken: the engine's default. */
const LEASE = '30s';

/** The part of a process that lives from the application's start to its end. */
export interface DurableRole {
  /** Undefined in a process that has no store. */
  readonly engine: DurableEngine | undefined;
  /** @param found what the application provides; wired correctly */
  start(found: Discovery): Promise<void>;
  stop(): Promise<void>;
}

/** Makes the role that the options ask for; undefined if they ask for none. Does no I/O. */
export function makeRole(options: DurableModuleOptions): DurableRole | undefined {
  const runtime = createSystemRuntime(nestLogger());
  const { store, transport } = options;
  if (store !== undefined) return new EngineRole(options, store, runtime);
  return transport === undefined ? undefined : new StepWorkerRole(options, transport, runtime);
}

class EngineRole implements DurableRole {
  readonly engine: DurableEngine;

  constructor(options: DurableModuleOptions, store: StateStore, runtime: Runtime) {
    this.engine = new DurableEngine({ ...options, store, runtime });
  }

  async start({ workflows, steps }: Discovery): Promise<void> {
    for (const { definition } of workflows) this.engine.registerWorkflow(definition);
    for (const { definition } of steps) this.engine.registerStep(definition);
    await this.engine.start();
  }

  stop(): Promise<void> {
    return this.engine.stop();
  }
}

class StepWorkerRole implements DurableRole {
  readonly engine = undefined;
  readonly #options: DurableModuleOptions;
  readonly #transport: Transport;
  readonly #runtime: Runtime;

  constructor(options: DurableModuleOptions, transport: Transport, runtime: Runtime) {
    this.#options = options;
    this.#transport = transport;
    this.#runtime = runtime;
  }

  async start({ steps }: Discovery): Promise<void> {
    const contracts = steps.map(({ definition }) => definition).filter((step) => step.contract);
    if (contracts.length === 0) {
      this.#runtime.logger.warn(
        'This process has no store, and no @DurableStep(contract) to serve.',
      );
    }
    const handlers = contracts.map(contractHandler);
    await this.#transport.serve(handlers, this.#runtime.ids.id(), this.#host());
  }

  /** What an engine of the same options would give its transport. */
  #host(): TransportHost {
    const { codec, namespace = 'default', worker } = this.#options;
    const lease = (typeof worker === 'object' ? worker.lease : undefined) ?? LEASE;
    return {
      codec: createCodec(codec ?? {}),
      runtime: this.#runtime,
      namespace,
      livenessMs: livenessFor(parseDuration(lease, 'worker.lease')),
    };
  }

  stop(): Promise<void> {
    const { shutdownTimeout = SHUTDOWN_TIMEOUT } = this.#options;
    return this.#transport.close(parseDuration(shutdownTimeout, 'shutdownTimeout'));
  }
}
