import { describeKind } from './describe-kind.js';
import { brandErrorClass, DurableError } from './durable-error.js';

/** What is wrong with an argument. */
export interface InvalidArgument {
  /** The argument as the caller knows it: `timeout`, `options.retry.maxAttempts`. */
  readonly field: string;
  /** The value itself; only its kind gets into the message. */
  readonly received: unknown;
  /** What to pass instead, as a sentence. */
  readonly todo: string;
}

/** A value handed to the public API that it cannot work with. Nothing has happened. HTTP 400. */
export class InvalidArgumentError extends DurableError<{
  readonly field: string;
  readonly received: string;
}> {
  static {
    brandErrorClass(this, 'InvalidArgumentError');
  }

  constructor({ field, received, todo }: InvalidArgument) {
    const kind = describeKind(received);
    super(`"${field}" cannot be ${kind}. ${todo}`, {
      code: 'INVALID_ARGUMENT',
      fields: { field, received: kind },
      httpStatus: 400,
    });
  }
}
