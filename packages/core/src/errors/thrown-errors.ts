import { type Duration, parseDuration } from '../workflow/duration.js';
import { brandErrorClass, DurableError, type ErrorFields } from './durable-error.js';
import { InvalidArgumentError } from './invalid-argument-error.js';

/** What an error that users throw may carry. */
export interface ThrownErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs; values that the codec can store. */
  readonly fields?: ErrorFields;
}

/** Throw it to fail at once: it is never retried, wherever it is thrown, in steps, remote steps and child runs. */
export class FatalError extends DurableError {
  static {
    brandErrorClass(this, 'FatalError');
  }

  constructor(message: string, options: ThrownErrorOptions = {}) {
    super(message, { fields: {}, ...options, code: 'FATAL' });
  }
}

function checkAfter(after: Duration | Date): number | Date {
  if (!(after instanceof Date)) return parseDuration(after, 'after');
  if (Number.isNaN(after.getTime())) {
    const todo = 'Pass a valid Date, or a duration.';
    throw new InvalidArgumentError({ field: 'after', received: after, todo });
  }
  return after;
}

/** When to try again. */
export interface RetryableErrorOptions extends ThrownErrorOptions {
  /** A duration from now, or the time itself. Without it the step's policy decides. */
  readonly after?: Duration | Date;
}

/** Throw it from a step to set the delay before the next attempt. It does not add attempts to the policy's. */
export class RetryableError extends DurableError {
  static {
    brandErrorClass(this, 'RetryableError');
  }

  /** Milliseconds from the failure, or a time; absent where the step's policy decides. */
  declare readonly after?: number | Date;

  /** @throws InvalidArgumentError if `after` is not a duration or a valid date. */
  constructor(message: string, { after, ...options }: RetryableErrorOptions = {}) {
    super(message, { fields: {}, ...options, code: 'RETRYABLE' });
    if (after !== undefined) this.after = checkAfter(after);
  }
}
