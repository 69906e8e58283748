import type {
  DispatchOutcome,
  RemoteTask,
  RemoteWorkflows,
  StepHandler,
  Transport,
  TransportHost,
  TransportSink,
} from '@dudousxd/nestjs-durable-core';
import { DEFAULT_LIMITS } from '@dudousxd/nestjs-durable-protocol';
import { BadMessages, type DroppedMessages } from './bad-messages.js';
import { Control } from './control.js';
import { type EndParts, EngineEnd } from './engine-end.js';
import { keysOf } from './keys.js';
import { type BullMqTransportOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { RedisLink } from './redis-link.js';
import { warnOfServer } from './server-check.js';
import { WorkerEnd } from './worker-end.js';

/** How long an engine that closes waits for results that have arrived. */
const RESULTS_MS = 2_000;

/**
 * Carries remote steps to other processes over BullMQ and Redis. The engine has it beside its store; a process that has it
 * without a store is a pure step worker. Redis is only a hint: what it loses is dispatched again.
 *
 * Connects when the application starts, not before, and starts without Redis too: remote steps wait until it is there.
 *
 * @example
 * DurableModule.forRoot({
 *   store: new DrizzleStateStore(db),
 *   transport: new BullMqTransport({ connection: { host: 'localhost', port: 6379 } }),
 * })
 */
export class BullMqTransport implements Transport {
  readonly name = 'bullmq';
  readonly reach = 'network';
  readonly #options: ResolvedOptions;
  #parts: EndParts | undefined;
  #engine: EngineEnd | undefined;
  #worker: WorkerEnd | undefined;
  #closing: Promise<void> | undefined;

  /** @throws InvalidArgumentError naming the option */
  constructor(options: BullMqTransportOptions) {
    this.#options = resolveOptions(options);
  }

  async bind(sink: TransportSink, host: TransportHost): Promise<void> {
    this.#engine = new EngineEnd(this.#open(host), sink);
    await this.#engine.start();
  }

  async serve(
    handlers: readonly StepHandler[],
    worker: string,
    host: TransportHost,
  ): Promise<void> {
    if (handlers.length === 0) return;
    this.#worker = new WorkerEnd(this.#open(host), { handlers, worker }, this.#options);
    await this.#worker.start();
  }

  /** Nobody is found before the engine is bound. */
  readonly workflows: RemoteWorkflows = { open: (of) => this.#engine?.workflows.open(of) };

  async dispatch(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]> {
    if (this.#engine === undefined) return tasks.map(() => 'unserved');
    return this.#engine.dispatch(tasks);
  }

  async cancel(taskIds: readonly string[], reason: string): Promise<void> {
    await this.#engine?.cancel(taskIds, reason);
  }

  /** The second call returns the first one's end. */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  /** Messages that this process has dropped, by place and reason: for metrics. */
  get droppedMessages(): readonly DroppedMessages[] {
    return this.#parts?.bad.list() ?? [];
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.#worker?.close(timeoutMs);
    await this.#engine?.close(timeoutMs, RESULTS_MS);
    this.#parts?.control.stop();
    this.#parts?.link.close();
  }

  #open(given: TransportHost): EndParts {
    if (this.#parts !== undefined) return this.#parts;
    const namespace = given.namespace ?? 'default';
    const host = { ...given, namespace };
    const { connection, prefix, maxMessageBytes } = this.#options;
    const { logger } = host.runtime;
    const link = new RedisLink(connection, host.runtime);
    const keys = keysOf(prefix, namespace);
    const bad = new BadMessages(logger);
    const control = new Control({ link, key: keys.control, host, bad });
    const limits = { ...DEFAULT_LIMITS, maxBytes: maxMessageBytes };
    this.#parts = { link, keys, control, bad, host, limits };
    void warnOfServer(link.commands, logger);
    return this.#parts;
  }
}
