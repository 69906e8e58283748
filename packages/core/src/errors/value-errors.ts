import { brandErrorClass, DurableError } from './durable-error.js';
import { formatPath } from './value-path.js';

/** What was too large. */
export interface PayloadSize {
  /** What the value is, as the caller knows it: `the output of step "charge"`. */
  readonly field: string;
  /** Size of the encoded text in UTF-8 bytes. */
  readonly bytes: number;
  /** The limit in UTF-8 bytes. */
  readonly limit: number;
}

/** An encoded value is above the size limit; nothing was stored. HTTP 413. */
export class PayloadTooLargeError extends DurableError<{
  readonly field: string;
  readonly bytes: number;
  readonly limit: number;
}> {
  static {
    brandErrorClass(this, 'PayloadTooLargeError');
  }

  /** `atLeast`: encoding stopped at this size, the whole is larger. */
  constructor(size: PayloadSize & { readonly atLeast?: boolean }) {
    const { field, bytes, limit } = size;
    const actual = size.atLeast ? `more than ${bytes}` : `${bytes}`;
    super(
      `${field} takes ${actual} bytes, and the limit is ${limit}. Store it elsewhere and pass a reference, or raise codec.maxBytes.`,
      { code: 'PAYLOAD_TOO_LARGE', fields: { field, bytes, limit }, httpStatus: 413 },
    );
  }
}

/** What cannot be stored, and where it is. */
export interface UnserializableValue {
  readonly field: string;
  /** Path of the offending value from the top of the stored one: `$.items[3].fn`. */
  readonly path: string;
  /** What is wrong with it, as the end of a sentence: `is a function`. */
  readonly problem: string;
  /** What to do, as a sentence. */
  readonly todo: string;
  readonly cause?: unknown;
}

/** A value holds something that would not come back as it is, so it is refused. Nothing was stored. HTTP 400. */
export class UnserializableValueError extends DurableError<{
  readonly field: string;
  readonly path: string;
}> {
  static {
    brandErrorClass(this, 'UnserializableValueError');
  }

  constructor(value: UnserializableValue) {
    const { field, path, problem, todo } = value;
    super(`${field} cannot be stored: ${path} ${problem}. ${todo}`, {
      code: 'UNSERIALIZABLE_VALUE',
      fields: { field, path },
      httpStatus: 400,
      ...('cause' in value ? { cause: value.cause } : {}),
    });
  }
}

/** Stored text is not what the codec writes: damaged, of a newer version, or of a class not registered here. */
export class CodecError extends DurableError<{ readonly problem: string }> {
  static {
    brandErrorClass(this, 'CodecError');
  }

  /** @param problem what is wrong, as the end of a sentence; never a piece of the text, which may be secret */
  constructor(problem: string, options: { readonly cause?: unknown } = {}) {
    super(`Stored text cannot be decoded: ${problem}.`, {
      code: 'UNDECODABLE',
      fields: { problem },
      ...options,
    });
  }
}

/** One finding of a schema. */
export type SchemaIssue = {
  /** Path of the field, such as `items[0].sku`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
};

/** An issue as Standard Schema reports it. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** Issues of a Standard Schema result, with readable paths. */
export function toSchemaIssues(issues: readonly StandardIssue[]): readonly SchemaIssue[] {
  return issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
    const segments = keys.map((key) => (typeof key === 'symbol' ? String(key) : key));
    return { path: formatPath(segments, ''), message };
  });
}

/** Which value was checked against which schema. */
export interface FailedSchema {
  readonly side: 'input' | 'output';
  /** What the schema belongs to: `step "payments.charge-card"`. */
  readonly name: string;
  readonly issues: readonly SchemaIssue[];
}

/** A value does not fit the schema of its contract. An input was not sent; an output fails its attempt. HTTP 400 for inputs. */
export class SchemaValidationError extends DurableError<{
  readonly side: 'input' | 'output';
  readonly name: string;
  readonly issues: readonly SchemaIssue[];
}> {
  static {
    brandErrorClass(this, 'SchemaValidationError');
  }

  constructor({ side, name, issues }: FailedSchema) {
    const shown = issues.slice(0, 5).map(({ path, message }) => `${path || 'value'}: ${message}`);
    const more = issues.length > 5 ? ` (and ${issues.length - 5} more)` : '';
    super(`The ${side} of ${name} does not fit its schema: ${shown.join('; ')}${more}.`, {
      code: side === 'input' ? 'INVALID_INPUT' : 'INVALID_OUTPUT',
      fields: { side, name, issues },
      ...(side === 'input' ? { httpStatus: 400 } : {}),
    });
  }
}
