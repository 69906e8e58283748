import type { StepDefinition, WorkflowDefinition } from '@dudousxd/nestjs-durable-core';
import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { type StepMethod, stepMethodsOf } from './decorators/durable-step.decorator.js';
import { type WorkflowOptions, workflowOptionsOf } from './decorators/workflow.decorator.js';
import { DURABLE_OPTIONS } from './durable.tokens.js';

/** A provider or controller that has been found, before anything is asked of it. */
interface Candidate {
  readonly instance: object;
  readonly prototype: object;
  /** `Class (Module)`. */
  readonly source: string;
  readonly className: string;
  readonly isSingleton: boolean;
  /** The class that stands for it: its token where that is a workflow class, else its own. */
  readonly token: unknown;
}

/** A definition, and what is needed to say that it cannot be. */
export interface Found<D> {
  readonly definition: D;
  /** `Class (Module)`, or `Class.method (Module)`. */
  readonly source: string;
  readonly isSingleton: boolean;
  /** Whether the method that is to be called is there. */
  readonly isCallable: boolean;
}

/** Everything of this package that the application provides. */
export interface Discovery {
  readonly workflows: readonly Found<WorkflowDefinition>[];
  readonly steps: readonly Found<StepDefinition>[];
  /** How many times `DurableModule` is imported with options of its own. */
  readonly modules: number;
}

/** Finds the workflows and steps among the application's providers. Reads metadata and decides nothing. */
@Injectable()
export class DurableExplorer {
  readonly #discovery: DiscoveryService;

  constructor(@Inject(DiscoveryService) discovery: DiscoveryService) {
    this.#discovery = discovery;
  }

  /** Call it once all providers are instantiated. */
  explore(): Discovery {
    const candidates = this.#candidates();
    const providers = this.#discovery.getProviders();
    return {
      workflows: candidates.flatMap(workflowOf),
      steps: candidates.flatMap(stepsOf),
      modules: providers.filter(({ token }) => token === DURABLE_OPTIONS).length,
    };
  }

  #candidates(): Candidate[] {
    const wrappers = [...this.#discovery.getProviders(), ...this.#discovery.getControllers()];
    const seen = new Set<object>();
    return wrappers.flatMap((wrapper): Candidate[] => {
      const instance: unknown = wrapper.isAlias ? undefined : wrapper.instance;
      if (typeof instance !== 'object' || instance === null || seen.has(instance)) return [];
      seen.add(instance);
      const prototype: unknown = Object.getPrototypeOf(instance);
      if (typeof prototype !== 'object' || prototype === null) return [];
      const own: unknown = prototype.constructor;
      const token = workflowOptionsOf(wrapper.token) === undefined ? own : wrapper.token;
      const className = typeof own === 'function' && own.name !== '' ? own.name : 'a class';
      const source = `${className} (${wrapper.host?.metatype?.name ?? 'unknown module'})`;
      const isSingleton = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
      return [{ instance, prototype, source, className, isSingleton, token }];
    });
  }
}

function workflowOf(candidate: Candidate): Found<WorkflowDefinition>[] {
  const options = workflowOptionsOf(candidate.token);
  if (options === undefined) return [];
  const { instance, source, isSingleton } = candidate;
  const isCallable = typeof Reflect.get(instance, 'run') === 'function';
  return [{ definition: defineWorkflow(candidate, options), source, isSingleton, isCallable }];
}

function defineWorkflow(candidate: Candidate, options: WorkflowOptions): WorkflowDefinition {
  const { instance, token, className } = candidate;
  return {
    name: options.name,
    version: options.version,
    isDefault: options.default ?? false,
    run: (ctx, input) => callMethod(instance, 'run', [ctx, input]) as Promise<unknown>,
    token,
    source: className,
  };
}

function stepsOf(candidate: Candidate): Found<StepDefinition>[] {
  const { instance, prototype, source, className, isSingleton } = candidate;
  return stepMethodsOf(prototype).map((method) => ({
    definition: defineStep(candidate, method),
    source: source.replace(className, `${className}.${String(method.key)}`),
    isSingleton,
    isCallable: typeof Reflect.get(instance, method.key) === 'function',
  }));
}

function defineStep({ instance, className }: Candidate, method: StepMethod): StepDefinition {
  const { key, contract } = method;
  const source = `${className}.${String(key)}`;
  return {
    name: method.name ?? source,
    ...(contract === undefined ? {} : { contract }),
    // Looked up at each call, so that a spy put on the provider later is called.
    invoke: (input, step) => callMethod(instance, key, [input, step]),
    token: Reflect.get(instance, key),
    source,
  };
}

function callMethod(instance: object, key: string | symbol, args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(instance, key);
  if (typeof method !== 'function') throw new TypeError(`${String(key)} is not a method`);
  return Reflect.apply(method, instance, args);
}
