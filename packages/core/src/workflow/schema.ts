import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidArgumentError, SchemaValidationError, toSchemaIssues } from '../errors/errors.js';

/** Whose schema it is, for the error. */
export interface SchemaUse {
  readonly side: 'input' | 'output';
  /** What the schema belongs to: `remote step 'payments.charge-card'`. */
  readonly name: string;
}

/**
 * Accepts a Standard Schema of version 1, as an object or, in libraries that make them callable, as a function.
 *
 * @throws InvalidArgumentError naming the field
 */
export function requireSchema(value: unknown, field: string): void {
  if (!isStandardSchema(value)) {
    const todo = 'Pass a zod schema, or any other that implements Standard Schema version 1.';
    throw new InvalidArgumentError({ field, received: value, todo });
  }
}

function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = Reflect.get(value, '~standard');
  if (typeof standard !== 'object' || standard === null) return false;
  return typeof Reflect.get(standard, 'validate') === 'function';
}

/**
 * Parses a value: resolves to the schema's output, with defaults filled in and values transformed.
 *
 * @throws SchemaValidationError with every finding of the schema; or what the schema itself throws
 */
export async function parseWithSchema<T>(
  schema: StandardSchemaV1<unknown, T>,
  value: unknown,
  use: SchemaUse,
): Promise<T> {
  return parseSoon(schema, value, use);
}

/** As `parseWithSchema`; a synchronous schema answers, or throws, at once. */
export function parseSoon<T>(
  schema: StandardSchemaV1<unknown, T>,
  value: unknown,
  use: SchemaUse,
): T | Promise<T> {
  const toValue = (result: StandardSchemaV1.Result<T>): T => {
    if (result.issues === undefined) return result.value;
    throw new SchemaValidationError({ ...use, issues: toSchemaIssues(result.issues) });
  };
  const result = schema['~standard'].validate(value);
  return result instanceof Promise ? result.then(toValue) : toValue(result);
}
