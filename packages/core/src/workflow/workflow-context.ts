/** What workflow code gets as `ctx`: turns each call into one operation of the coroutine. Holds no state of its own. */
import { createHmac } from 'node:crypto';
import { inputDigest } from '../codec/digest.js';
import {
  InvalidArgumentError,
  SchemaValidationError,
  TransactionsUnsupportedError,
  toSchemaIssues,
} from '../errors/errors.js';
import { requireName, requireRunId, requireToken } from '../model/ids.js';
import type { Coroutine } from '../replay/coroutine.js';
import type { OperationRequest } from '../replay/operation.js';
import type { SideEffect } from '../replay/recorded.js';
import type { Logger } from '../runtime/runtime.js';
import type {
  AnyRemoteStep,
  ChildHandle,
  ChildOptions,
  RegionOptions,
  RemoteOptions,
  Signal,
  StepContext,
  StepOptions,
  WorkflowCtx,
} from './context.js';
import type { ContextHost } from './context-host.js';
import { type Duration, parseDuration } from './duration.js';
import { Regions } from './regions.js';
import { resolveStepOptions } from './step-options.js';

/** Makes the `ctx` of one activation. */
export function createWorkflowContext(host: ContextHost): WorkflowCtx {
  return new WorkflowContext(host);
}

class WorkflowContext implements WorkflowCtx {
  readonly runId: string;
  readonly run: WorkflowCtx['run'];
  readonly log: Logger;
  private readonly host: ContextHost;
  private readonly coroutine: Coroutine;
  private readonly regions: Regions;

  constructor(host: ContextHost) {
    const { run } = host;
    this.host = host;
    this.coroutine = host.coroutine;
    this.regions = new Regions(host.coroutine);
    this.runId = run.id;
    this.run = {
      workflow: run.workflow,
      version: run.version,
      startedAt: new Date(run.startedAt ?? run.createdAt),
      ...(run.parent === null ? {} : { parentRunId: run.parent.runId }),
      tags: run.tags,
    };
    this.log = replayAwareLogger(host);
  }

  get cancelled(): boolean {
    return this.coroutine.cancelled;
  }

  step(first: unknown, second: unknown, options?: StepOptions): Promise<never> {
    if (typeof first === 'string') return this.closureStep(first, second, options);
    return this.referenceStep(first, second, options);
  }

  private closureStep(name: string, fn: unknown, options: StepOptions | undefined): Promise<never> {
    requireName(name, 'name');
    const invoke = requireFunction(
      fn as (step: StepContext) => unknown,
      'Pass the function that does the step.',
    );
    const resolved = resolveStepOptions([options], this.host.retry);
    return this.ask(name, null, { kind: 'step', invoke, options: resolved });
  }

  private referenceStep(
    method: unknown,
    input: unknown,
    options: StepOptions | undefined,
  ): Promise<never> {
    const step = this.host.findStep(method);
    if (step === undefined) {
      throw new InvalidArgumentError({
        field: 'step',
        received: method,
        todo: 'Pass a name and a function, or a provider method that carries @DurableStep, as in this.payments.charge.',
      });
    }
    const { codec } = this.host;
    const encoded = codec.encode(input, `input of step '${step.name}'`);
    const resolved = resolveStepOptions([step.contract?.options, options], this.host.retry);
    const invoke = (context: StepContext) => step.invoke(codec.decode(encoded) as never, context);
    return this.ask(step.name, inputDigest(encoded), { kind: 'step', invoke, options: resolved });
  }

  remote(contract: unknown, input: unknown, options?: RemoteOptions): Promise<never> {
    if (!isContract(contract)) {
      const todo = 'Pass what remoteStep({ … }) returns.';
      throw new InvalidArgumentError({ field: 'contract', received: contract, todo });
    }
    const checked = validateInput(contract, input);
    const encoded = checked.ok
      ? this.host.codec.encode(checked.value, `input of remote step '${contract.name}'`)
      : this.host.codec.encode(null);
    return this.ask(contract.name, inputDigest(encoded), {
      kind: 'remote',
      input: encoded,
      options: resolveStepOptions([contract.options, options], this.host.retry),
      output: contract.output,
      refused: checked.ok ? null : checked.error,
    });
  }

  transaction(
    name: string,
    fn: (tx: unknown, step: StepContext) => unknown,
    options?: StepOptions,
  ): Promise<never> {
    const { store, retry } = this.host;
    if (!store.capabilities.transactions) throw new TransactionsUnsupportedError(store.name);
    requireName(name, 'name');
    const invoke = requireFunction(fn, 'Pass the function that does the work with `tx`.');
    const resolved = resolveStepOptions([options], retry);
    return this.ask(name, null, { kind: 'transaction', invoke, options: resolved });
  }

  sleep(duration: Duration): Promise<void> {
    const durationMs = parseDuration(duration, 'duration');
    return this.ask('sleep', null, { kind: 'sleep', durationMs, untilMs: null });
  }

  sleepUntil(when: Date): Promise<void> {
    if (!(when instanceof Date) || Number.isNaN(when.getTime())) {
      throw new InvalidArgumentError({ field: 'when', received: when, todo: 'Pass a valid Date.' });
    }
    return this.ask('sleepUntil', null, {
      kind: 'sleep',
      durationMs: null,
      untilMs: when.getTime(),
    });
  }

  waitForSignal(
    signal: string | Signal<unknown, unknown>,
    options: { readonly timeout?: Duration } = {},
  ): Promise<never> {
    const token = requireToken(typeof signal === 'string' ? signal : signal?.name, 'signal');
    const timeoutMs =
      options.timeout === undefined ? null : parseDuration(options.timeout, 'timeout');
    const schema = typeof signal === 'string' ? null : (signal.schema ?? null);
    return this.ask(token, null, { kind: 'signal', token, timeoutMs, schema });
  }

  child(workflow: unknown, input: unknown, options: ChildOptions = {}): Promise<never> {
    return this.startOperation(workflow, input, options, false);
  }

  async startChild<O>(
    workflow: unknown,
    input: unknown,
    options: ChildOptions = {},
  ): Promise<ChildHandle<O>> {
    const runId: string = await this.startOperation(workflow, input, options, true);
    const name =
      typeof workflow === 'string'
        ? workflow
        : this.host.resolveWorkflow(workflow, options.version).name;
    return {
      runId,
      result: () =>
        this.ask(name, inputDigest(this.host.codec.encode(runId)), {
          kind: 'childResult',
          childRunId: runId,
        }),
    };
  }

  private startOperation(
    workflow: unknown,
    input: unknown,
    options: ChildOptions,
    detached: boolean,
  ): Promise<never> {
    const target = this.host.resolveWorkflow(workflow, options.version);
    const encoded = this.host.codec.encode(input, `input of child '${target.name}'`);
    const digest = inputDigest(encoded);
    const start = {
      runId: options.runId === undefined ? null : requireRunId(options.runId, 'runId'),
      workflow: target.name,
      version: target.version,
      input: encoded,
      inputDigest: digest,
      tags: options.tags ?? [],
      priority: options.priority ?? 0,
      closePolicy: options.closePolicy ?? ('cancel' as const),
    };
    return this.ask(target.name, digest, { kind: 'child', start, detached, refused: null });
  }

  now(): Date {
    return new Date(this.coroutine.now);
  }

  random(): number {
    return this.derive('random').readUIntBE(0, 6) / 2 ** 48;
  }

  uuid(): string {
    const bytes = this.derive('uuid').subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString('hex');
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
  }

  /** Bytes that only the run's random seed and the position decide: nothing has to be recorded. */
  private derive(name: string): Buffer {
    const position = this.coroutine.draw(name);
    return createHmac('sha256', this.host.run.seed).update(`${name}:${position}`).digest();
  }

  sideEffect<T>(fn: () => T): T {
    const { codec } = this.host;
    const make = (): SideEffect => {
      try {
        return { ok: true, payload: codec.encode(fn(), 'value of ctx.sideEffect') };
      } catch (error) {
        return { ok: false, payload: codec.encodeError(error) };
      }
    };
    const group = this.regions.currentGroup();
    const { ok, payload } = this.coroutine.sideEffect('sideEffect', make, group);
    if (!ok) throw codec.decodeError(payload);
    return codec.decode(payload) as T;
  }

  patched(id: string): boolean {
    return this.coroutine.patched(requireName(id, 'id'));
  }

  all(
    name: string,
    branches: readonly (() => Promise<unknown>)[],
    options?: RegionOptions,
  ): Promise<never> {
    return this.regions.all(requireName(name, 'name'), branches, options) as Promise<never>;
  }

  race(name: string, branches: readonly (() => Promise<unknown>)[]): Promise<never> {
    return this.regions.race(requireName(name, 'name'), branches) as Promise<never>;
  }

  map<T, R>(
    name: string,
    items: readonly T[],
    fn: (item: T, index: number) => Promise<R>,
    options?: RegionOptions,
  ): Promise<R[]> {
    return this.regions.map(requireName(name, 'name'), items, fn, options);
  }

  scope<T>(name: string, fn: () => Promise<T>): Promise<T> {
    return this.regions.scope(requireName(name, 'name'), fn);
  }

  /** A branch that lost a race goes no further: what it asks for takes no position and stays pending. */
  private ask<T>(name: string, digest: string | null, request: OperationRequest): Promise<T> {
    const group = this.regions.currentGroup();
    if (this.regions.isLost(group)) return new Promise(() => {});
    return this.coroutine.ask({ name, digest, request, group }) as Promise<T>;
  }
}

function requireFunction<F>(fn: F, todo: string): F {
  if (typeof fn === 'function') return fn;
  throw new InvalidArgumentError({ field: 'fn', received: fn, todo });
}

type CheckedInput =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

function isContract(value: unknown): value is AnyRemoteStep {
  return (
    typeof value === 'object' &&
    value !== null &&
    Reflect.get(value, 'kind') === 'durable.remote-step'
  );
}

function validateInput(contract: AnyRemoteStep, input: unknown): CheckedInput {
  const result = contract.input['~standard'].validate(input);
  if (result instanceof Promise) {
    throw new InvalidArgumentError({
      field: `input schema of '${contract.name}'`,
      received: result,
      todo: 'Use a schema that validates synchronously: workflow code may only wait for ctx operations.',
    });
  }
  if (result.issues === undefined) return { ok: true, value: input };
  const issues = toSchemaIssues(result.issues);
  const name = `remote step '${contract.name}'`;
  return { ok: false, error: new SchemaValidationError({ side: 'input', name, issues }) };
}

/** Log lines of code that runs again would repeat what was logged the first time. */
function replayAwareLogger({ coroutine, logger, run }: ContextHost): Logger {
  const say =
    (level: keyof Logger): Logger['info'] =>
    (message, fields) => {
      if (!coroutine.replaying)
        logger[level](message, { runId: run.id, workflow: run.workflow, ...fields });
    };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}
