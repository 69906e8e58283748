import {
  CancelledError,
  FatalError,
  InvalidArgumentError,
  PayloadTooLargeError,
  RetryableError,
  SchemaValidationError,
  UnserializableValueError,
} from '../errors/errors.js';
import { type ResolvedRetryPolicy, retryDelayMs } from '../model/retry.js';

/** A failed attempt. */
export interface FailedAttempt {
  readonly error: unknown;
  /** 1 for the first. */
  readonly attempt: number;
  readonly policy: ResolvedRetryPolicy;
  /** Database time of the failure. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}

/** Database time of the next attempt, or null if there is to be none. */
export function nextAttemptAt({
  error,
  attempt,
  policy,
  now,
  random,
}: FailedAttempt): number | null {
  if (attempt >= policy.maxAttempts || isFatal(error)) return null;
  const after = error instanceof RetryableError ? error.after : undefined;
  if (after instanceof Date) return Math.max(now, after.getTime());
  return now + (after ?? retryDelayMs(policy, attempt, random));
}

/** Errors that no further attempt could mend. */
function isFatal(error: unknown): boolean {
  return (
    error instanceof FatalError ||
    error instanceof CancelledError ||
    error instanceof InvalidArgumentError ||
    error instanceof UnserializableValueError ||
    error instanceof PayloadTooLargeError ||
    (error instanceof SchemaValidationError && error.fields.side === 'input')
  );
}
