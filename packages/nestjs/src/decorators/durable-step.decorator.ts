import 'reflect-metadata';
import {
  type AnyRemoteStep,
  InvalidArgumentError,
  type RemoteStep,
  type StepContext,
} from '@dudousxd/nestjs-durable-core';
import { STEPS_METADATA } from '../durable.tokens.js';

/** A method under `@DurableStep`. */
export interface StepMethod {
  readonly key: string | symbol;
  readonly contract?: AnyRemoteStep;
  /** Absent without a contract where no name was given: then it is `Class.method`. */
  readonly name?: string;
}

/** A decorator for methods with the signature `H`. */
export type StepMethodDecorator<H> = <M extends H>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * Serves a contract: `ctx.remote(contract, input)` calls this method, wherever the workflow runs. The input has been
 * parsed by the contract's schema; the method's types have to fit the contract.
 *
 * @example
 * \@DurableStep(chargeCard)
 * async charge(input: { orderId: string; amountCents: number }, step: StepContext) {
 *   return { chargeId: await this.psp.charge(input, step.idempotencyKey) };
 * }
 */
export function DurableStep<I, O, HI, HO>(
  contract: RemoteStep<I, O, HI, HO>,
): StepMethodDecorator<(input: HI, step: StepContext) => HO | Promise<HO>>;
/**
 * Lets workflows call the method as a local step: `ctx.step(this.payments.charge, input)`.
 *
 * @param name what history and the timeline call it. @default `Class.method`
 */
export function DurableStep(
  name?: string,
): StepMethodDecorator<(input: never, step: StepContext) => unknown>;
export function DurableStep(subject?: AnyRemoteStep | string): StepMethodDecorator<unknown> {
  const step = describe(subject);
  return (target, key) => {
    if (typeof target === 'function') {
      const todo = `Put @DurableStep on an instance method, not on the static ${String(key)}.`;
      throw new InvalidArgumentError({ field: 'target', received: target, todo });
    }
    const own = Reflect.getOwnMetadata(STEPS_METADATA, target) as StepMethod[] | undefined;
    Reflect.defineMetadata(STEPS_METADATA, [...(own ?? []), { key, ...step }], target);
  };
}

function describe(subject: AnyRemoteStep | string | undefined): Omit<StepMethod, 'key'> {
  if (subject === undefined) return {};
  if (typeof subject === 'string') return { name: subject };
  if (subject?.kind === 'durable.remote-step') return { contract: subject, name: subject.name };
  const todo = 'Pass a contract made by remoteStep(), a name, or nothing.';
  throw new InvalidArgumentError({ field: 'contract', received: subject, todo });
}

/** The methods under `@DurableStep` of a prototype and those it inherits; an override counts once. */
export function stepMethodsOf(prototype: object): readonly StepMethod[] {
  const methods = new Map<string | symbol, StepMethod>();
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at)) {
    const own = Reflect.getOwnMetadata(STEPS_METADATA, at) as StepMethod[] | undefined;
    for (const method of own ?? []) if (!methods.has(method.key)) methods.set(method.key, method);
  }
  return [...methods.values()];
}
