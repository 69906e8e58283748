import {
  type DurableEngine,
  type HistoryEntry,
  type LifecycleListener,
  type ListFilter,
  parseSoon,
  type RunList,
  type RunResult,
  type RunView,
  type Signal,
  type SignalOptions,
  type SignalResult,
  type StartOptions,
  type StartResult,
  type WorkflowClass,
} from '@dudousxd/nestjs-durable-core';
import { Inject, Injectable } from '@nestjs/common';
import { workflowOptionsOf } from './decorators/workflow.decorator.js';
import { DurableHost } from './durable.host.js';

/** An input that may be left out where the workflow takes none. */
type InputArguments<I> = undefined extends I
  ? [input?: I, options?: StartOptions]
  : [input: I, options?: StartOptions];

/**
 * Starts, signals and watches runs. Inject it anywhere; usable from `onModuleInit` on.
 *
 * Errors are `DurableError`s with a stable `code`. One that leaves a controller becomes a response: 404 for a run or a
 * workflow that is not there, 409 for a conflict, 400 for an argument that cannot be, 503 while the process stops.
 */
@Injectable()
export class WorkflowService {
  readonly #host: DurableHost;

  constructor(@Inject(DurableHost) host: DurableHost) {
    this.#host = host;
  }

  /**
   * Creates a run and returns when it is durable, before any of its code has run. With `runId` it is idempotent: the
   * same id, workflow and input give the run that is there.
   *
   * With `transaction` the run is created inside it: durable, and seen, when it commits. On a driver whose transactions
   * are synchronous (better-sqlite3 under Drizzle) the call does its work before it returns, and throws at once.
   *
   * @param workflow a name, or a class under `@Workflow`, which need not be provided in this process
   * @throws UnknownWorkflowError if no process has ever served it (404)
   * @throws RunConflictError if the id belongs to a run of another workflow, version or input (409)
   */
  start<I>(workflow: WorkflowClass<I>, ...args: InputArguments<I>): Promise<StartResult>;
  start(workflow: string, input?: unknown, options?: StartOptions): Promise<StartResult>;
  start(workflow: unknown, input?: unknown, options?: StartOptions): Promise<StartResult> {
    return this.#soon(options, (engine) => this.#startOn(engine, workflow, input, options));
  }

  #startOn(
    engine: DurableEngine,
    workflow: unknown,
    input: unknown,
    options: StartOptions | undefined,
  ): Promise<StartResult> {
    const elsewhere = this.#host.provides(workflow) ? undefined : workflowOptionsOf(workflow);
    if (elsewhere === undefined) return engine.startRun(workflow, input, options);
    const { name, version } = elsewhere;
    return engine.startRun(name, input, { version, ...options });
  }

  /**
   * Puts a payload into a token's mailbox, for one wait, present or future. Resolves when it is durable. A payload for a
   * signal with a schema is validated first.
   *
   * With `transaction` the signal is sent when that commits, and the result says nothing of repeated ids. On a driver whose
   * transactions are synchronous the call does its work before it returns, if the schema is synchronous too, and throws
   * at once.
   *
   * @throws SchemaValidationError if the payload does not fit (400)
   */
  signal<S>(
    signal: Signal<unknown, S>,
    payload: NoInfer<S>,
    options?: SignalOptions,
  ): Promise<SignalResult>;
  signal(token: string, payload?: unknown, options?: SignalOptions): Promise<SignalResult>;
  signal(
    signal: string | Signal<unknown, unknown>,
    payload?: unknown,
    options?: SignalOptions,
  ): Promise<SignalResult> {
    return this.#soon(options, (engine) => {
      if (typeof signal === 'string') return engine.signal(signal, payload, options);
      const { name, schema } = signal;
      if (!schema) return engine.signal(name, payload, options);
      // What is sent is what was passed: the wait that receives it parses it.
      const parsed = parseSoon(schema, payload, { side: 'input', name: `signal '${name}'` });
      if (!(parsed instanceof Promise)) return engine.signal(name, payload, options);
      return parsed.then(() => engine.signal(name, payload, options));
    });
  }

  /** In this call where a transaction is open and the engine has started: a synchronous one ends with the call. */
  #soon<T>(
    options: { readonly transaction?: unknown } | undefined,
    call: (engine: DurableEngine) => Promise<T>,
  ): Promise<T> {
    const engine = options?.transaction === undefined ? undefined : this.#host.startedEngine;
    return engine === undefined ? this.#host.ready().then(call) : call(engine);
  }

  /**
   * Waits for the run's end, wherever it runs.
   *
   * @throws WaitTimeoutError if it has not ended within `timeout`; the run goes on
   * @throws RunBlockedError while the run needs a deploy or an operator
   * @throws RunNotFoundError (404)
   */
  async waitForRun(
    runId: string,
    options?: Parameters<DurableHost['engine']['waitForRun']>[1],
  ): Promise<RunResult> {
    return (await this.#host.ready()).waitForRun(runId, options);
  }

  /** @throws RunNotFoundError (404) */
  async get(runId: string): Promise<RunView> {
    return (await this.#host.ready()).getRun(runId);
  }

  /** Newest first, without payloads. @param cursor from the page before */
  async list(filter?: ListFilter, cursor?: string | null): Promise<RunList> {
    return (await this.#host.ready()).listRuns(filter, cursor);
  }

  /** What has been recorded of a run. @param options.branch @default the current one */
  async history(
    runId: string,
    options?: { readonly branch?: number },
  ): Promise<readonly HistoryEntry[]> {
    return (await this.#host.ready()).history(runId, options);
  }

  /**
   * Asks a run to end: its pending operations reject, its clean-up may finish. Resolves when the request is durable.
   *
   * @throws RunStateError if the run has ended (409)
   */
  async cancel(runId: string, reason?: string): Promise<RunView> {
    return (await this.#host.ready()).cancel(runId, reason);
  }

  /** Ends a run at once, without clean-up. @throws RunStateError if the run has ended (409) */
  async terminate(runId: string, reason?: string): Promise<RunView> {
    return (await this.#host.ready()).terminate(runId, reason);
  }

  /**
   * Lets a failed run go on from where it failed, or puts a blocked one back. What was recorded stays recorded.
   *
   * @throws RunStateError if the run is neither failed nor blocked (409)
   */
  async retry(runId: string): Promise<RunView> {
    return (await this.#host.ready()).retry(runId);
  }

  /** Deletes a run that has ended, with its history. @throws RunStateError while it has not (409) */
  async delete(runId: string): Promise<void> {
    return (await this.#host.ready()).deleteRun(runId);
  }

  /**
   * Listens to what this process commits: a listener that throws harms nobody. May be called at any time.
   *
   * @returns a function that ends it
   */
  on(listener: LifecycleListener): () => void {
    return this.#host.engine.on(listener);
  }
}
