import type { StandardSchemaV1 } from '@standard-schema/spec';
import { requireToken } from '../model/ids.js';
import type { Signal } from './context.js';
import { requireSchema } from './schema.js';

/**
 * Declares a typed signal: `ctx.waitForSignal(signal)` and `workflows.signal(signal, payload)` then agree on the
 * payload. Both use its name as the token, so a signal that is meant for one run has the run's key in its name.
 *
 * With a schema a payload is validated when it is sent, and parsed when a wait receives it. Without one the type is a
 * promise that nothing checks.
 *
 * @throws InvalidArgumentError for an invalid name, or something that is no Standard Schema
 * @example
 * const approval = (orderId: string) => defineSignal(`approve:${orderId}`, z.object({ approved: z.boolean() }));
 */
export function defineSignal<T, S = T>(
  name: string,
  schema?: StandardSchemaV1<S, T>,
): Signal<T, S> {
  requireToken(name, 'name');
  if (schema === undefined) return Object.freeze({ kind: 'durable.signal', name } as const);
  requireSchema(schema, 'schema');
  return Object.freeze({ kind: 'durable.signal', name, schema } as const);
}
