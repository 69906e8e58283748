import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidArgumentError } from '../errors/errors.js';
import { requireName } from '../model/ids.js';
import type { RemoteStep, StepContext, StepOptions } from './context.js';
import { requireSchema } from './schema.js';
import { DEFAULT_RETRY, resolveStepOptions } from './step-options.js';

/** What `remoteStep` takes: the contract, and the options that hold unless a call overrides them. */
export interface RemoteStepConfig<I, O, HI, HO> extends StepOptions {
  /** Names the step on the wire: it has to be unique among all workers of a namespace. */
  readonly name: string;
  /** zod, or any Standard Schema. The caller passes its input type, the handler gets its output type. */
  readonly input: StandardSchemaV1<I, HI>;
  /** The handler returns its input type, the caller gets its output type. */
  readonly output: StandardSchemaV1<HO, O>;
}

/** The handler that a contract asks for: the signature of the method under `@DurableStep(contract)`. */
export type RemoteStepHandler<C> =
  C extends RemoteStep<unknown, unknown, infer HI, infer HO>
    ? (input: HI, step: StepContext) => HO | Promise<HO>
    : never;

/**
 * Declares a step that may run in another process or language. Call it with `ctx.remote(contract, input)`; serve it
 * with `@DurableStep(contract)`, or in a worker of another language.
 *
 * The input is validated before it is sent, and parsed where it arrives; the output likewise in the other direction.
 *
 * @throws InvalidArgumentError that names the field: an invalid name, something that is no Standard Schema, a number of
 * retries or a duration that cannot be.
 * @example
 * export const chargeCard = remoteStep({
 *   name: 'payments.charge-card',
 *   input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
 *   output: z.object({ chargeId: z.string() }),
 *   retries: 3,
 * });
 */
export function remoteStep<I, O, HI = I, HO = O>(
  config: RemoteStepConfig<I, O, HI, HO>,
): RemoteStep<I, O, HI, HO> {
  if (typeof config !== 'object' || config === null) {
    const todo = 'Pass an object with name, input and output.';
    throw new InvalidArgumentError({ field: 'config', received: config, todo });
  }
  const { name, input, output, ...options } = config;
  requireName(name, 'name');
  requireSchema(input, 'input');
  requireSchema(output, 'output');
  resolveStepOptions([options], DEFAULT_RETRY);
  return Object.freeze({ kind: 'durable.remote-step', name, input, output, options } as const);
}
