/**
 * Starts and stops the durable part of an application, once. Nest calls the hooks of a global module first when an
 * application starts, and last within each stage when it ends: runs begin before the application's own
 * `onApplicationBootstrap` hooks, and are drained before HTTP servers and database modules close.
 */
import { type DurableEngine, DurableError, NotStartedError } from '@dudousxd/nestjs-durable-core';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { DurableExplorer } from './durable.explorer.js';
import { type DurableRole, makeRole } from './durable.roles.js';
import { DURABLE_OPTIONS } from './durable.tokens.js';
import { checkWiring } from './durable.wiring.js';
import type { DurableModuleOptions } from './durable-options.js';

@Injectable()
export class DurableHost
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown
{
  readonly #options: DurableModuleOptions;
  readonly #explorer: DurableExplorer;
  readonly #role: DurableRole | undefined;
  readonly #tokens = new Set<unknown>();
  #hasProviders = false;
  #isReady = false;
  #started: Promise<void> | undefined;

  constructor(
    @Inject(DURABLE_OPTIONS) options: DurableModuleOptions,
    @Inject(DurableExplorer) explorer: DurableExplorer,
  ) {
    this.#options = options;
    this.#explorer = explorer;
    this.#role = makeRole(options);
  }

  onModuleInit(): void {
    this.#hasProviders = true;
  }

  /** @throws DurableWiringError, and whatever keeps the engine from starting */
  async onApplicationBootstrap(): Promise<void> {
    await this.#start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.#started === undefined) return;
    // A start that failed has been reported; what it had begun is stopped all the same.
    await Promise.allSettled([this.#started]);
    await this.#role?.stop();
  }

  /** @throws DurableError with the code `NO_STORE` in a pure step worker */
  get engine(): DurableEngine {
    const engine = this.#role?.engine;
    if (engine !== undefined) return engine;
    throw new DurableError(
      'This process has no store: it serves steps and knows no runs. Pass a store to DurableModule to use WorkflowService.',
      { code: 'NO_STORE', fields: {} },
    );
  }

  /**
   * The engine, started: a hook of the application may be earlier than ours.
   *
   * @throws NotStartedError before all providers are created (`app.init()`)
   */
  async ready(): Promise<DurableEngine> {
    const { engine } = this;
    if (!this.#hasProviders) throw new NotStartedError();
    await this.#start();
    return engine;
  }

  /** The engine, if it has started: for what must not wait. */
  get startedEngine(): DurableEngine | undefined {
    return this.#isReady ? this.engine : undefined;
  }

  /** Whether the class is provided in this application, as a workflow. */
  provides(workflow: unknown): boolean {
    return this.#tokens.has(workflow);
  }

  #start(): Promise<void> {
    this.#started ??= this.#startOnce();
    return this.#started;
  }

  async #startOnce(): Promise<void> {
    const found = this.#explorer.explore();
    checkWiring(found, this.#options);
    for (const { definition } of found.workflows) this.#tokens.add(definition.token);
    await this.#role?.start(found);
    this.#isReady = true;
  }
}
