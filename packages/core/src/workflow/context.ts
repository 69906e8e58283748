import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { RetryPolicy } from '../model/retry.js';
import type { ClosePolicy } from '../model/run.js';
import type { Logger } from '../runtime/runtime.js';
import type { Duration } from './duration.js';

/** A value that is plain JSON. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** What a step's function gets beside its input. */
export interface StepContext {
  /** The same for all attempts of this step, after a crash too: hand it to the service that you call. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Fires on timeout, cancellation, shutdown, and when this process has lost the run. */
  readonly signal: AbortSignal;
  /** Says that the attempt is alive, and how far it is. Cheap: the progress is recorded with a failed attempt. */
  heartbeat(progress?: Json): void;
  /** The last progress that the previous attempt reported. */
  readonly progress?: Json;
}

export interface StepOptions {
  /** Retries after the first attempt: `retries: 3` is up to four attempts. Shorthand for `retry.maxAttempts`. */
  readonly retries?: number;
  readonly retry?: RetryPolicy;
  /** Longest time of one attempt. No default: an attempt may take as long as it likes. */
  readonly timeout?: Duration;
  /** Longest time between two heartbeats of an attempt. */
  readonly heartbeatTimeout?: Duration;
}

export type RemoteOptions = StepOptions;

/**
 * The contract of a remote step, shared by the workflow that calls it and the handler that serves it. What travels is
 * what a sender passes (a schema's input type); each schema is applied once to what its receiver gets:
 *
 * - `I` the caller of `ctx.remote` passes it; the handler gets it as `HI` (defaults filled in, values transformed);
 * - `HO` the handler returns it; the caller gets it as `O`.
 *
 * For a schema without transformations both are the same type.
 */
export interface RemoteStep<I, O, HI = I, HO = O> {
  readonly kind: 'durable.remote-step';
  readonly name: string;
  readonly input: StandardSchemaV1<I, HI>;
  readonly output: StandardSchemaV1<HO, O>;
  readonly options: StepOptions;
}

/** Any contract: for code that does not care about the types. */
export type AnyRemoteStep = RemoteStep<unknown, unknown, unknown, unknown>;

/**
 * A typed name of a signal. `S` is what senders pass; a wait gets it as `T`. They differ only for a schema that
 * transforms.
 */
export interface Signal<T, S = T> {
  readonly kind: 'durable.signal';
  readonly name: string;
  readonly schema?: StandardSchemaV1<S, T>;
}

/** A class with a `run` method, as decorated with `@Workflow`. */
export type WorkflowClass<I = unknown, O = unknown> = abstract new (
  ...args: never[]
) => { run(ctx: WorkflowCtx, input: I): Promise<O> };

/** A workflow by name, or by its class, which carries the types. */
export type WorkflowRef<I = unknown, O = unknown> = string | WorkflowClass<I, O>;

export interface ChildOptions {
  /** @default a UUIDv7, recorded with the start */
  readonly runId?: string;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly priority?: number;
  /** What happens to the child when the parent ends first. @default 'cancel' */
  readonly closePolicy?: ClosePolicy;
}

export interface ChildHandle<O> {
  readonly runId: string;
  /** Waits for the child's end; may be called once or more. */
  result(): Promise<O>;
}

/** Bounds of a region. */
export interface RegionOptions {
  /** Most branches in progress at once. No default: all. */
  readonly concurrency?: number;
}

/**
 * What a workflow's code may do. Every method that returns a promise is one durable operation: its outcome is recorded
 * once, and given back on every replay. Nothing else may be awaited outside a step.
 */
export interface WorkflowCtx<Tx = unknown> {
  readonly runId: string;
  readonly run: {
    readonly workflow: string;
    readonly version: string;
    readonly startedAt: Date;
    readonly parentRunId?: string;
    readonly tags: readonly string[];
  };
  /** Whether a cancel has been requested; recorded, so it replays. */
  readonly cancelled: boolean;

  /** Runs `fn` in this process and records its result. */
  step<T>(
    name: string,
    fn: (step: StepContext) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<Awaited<T>>;
  /** Runs a method that carries `@DurableStep` in this process; its input is encoded at the call. */
  step<I, O>(
    handler: (input: I, step: StepContext) => Promise<O> | O,
    input: I,
    options?: StepOptions,
  ): Promise<Awaited<O>>;
  /** Runs a contract's handler wherever it lives. */
  remote<I, O>(
    contract: RemoteStep<I, O, unknown, unknown>,
    input: NoInfer<I>,
    options?: RemoteOptions,
  ): Promise<O>;
  /**
   * Runs `fn` in a transaction of the application's own database handle, which also records the result: what it writes
   * with `tx` and the result are there exactly once, or not at all. `tx` is the ORM's own transaction object. A conflict
   * with other transactions (serialization failure, deadlock) runs `fn` again, rolled back, as the same attempt.
   *
   * @throws TransactionsUnsupportedError where the store has no transactions to share
   */
  transaction<T>(
    name: string,
    fn: (tx: Tx, step: StepContext) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<Awaited<T>>;

  sleep(duration: Duration): Promise<void>;
  sleepUntil(when: Date): Promise<void>;
  waitForSignal<T = unknown>(
    signal: string | Signal<T, unknown>,
    options?: { readonly timeout?: Duration },
  ): Promise<T>;

  child<I, O>(workflow: WorkflowRef<I, O>, input: I, options?: ChildOptions): Promise<O>;
  startChild<I, O>(
    workflow: WorkflowRef<I, O>,
    input: I,
    options?: ChildOptions,
  ): Promise<ChildHandle<O>>;

  /** Database time of what the code has seen last; never goes back within a run. */
  now(): Date;
  /** In [0, 1), the same on every replay. */
  random(): number;
  /** A version 4 UUID, the same on every replay. */
  uuid(): string;
  /** Runs a synchronous function once and records its value. For cheap things without effects outside. */
  sideEffect<T>(fn: () => T): T;
  /** Whether this run was started, or has come to this point, after the change `id` was deployed. */
  patched(id: string): boolean;

  /** All branches; rejects with the first failure. */
  all<T extends readonly (() => Promise<unknown>)[]>(
    name: string,
    branches: T,
    options?: RegionOptions,
  ): Promise<{ -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }>;
  /** The first branch to settle; what the others still wait for is withdrawn, and they go no further. */
  race<T extends readonly (() => Promise<unknown>)[]>(
    name: string,
    branches: T,
  ): Promise<Awaited<ReturnType<T[number]>>>;
  /** `fn` for every item, in order, with bounded concurrency; the results are in the order of the items. */
  map<T, R>(
    name: string,
    items: readonly T[],
    fn: (item: T, index: number) => Promise<R>,
    options?: RegionOptions,
  ): Promise<R[]>;
  /** A named region for the graph. */
  scope<T>(name: string, fn: () => Promise<T>): Promise<T>;

  /** Silent while replaying. */
  readonly log: Logger;
}
