import { InvalidArgumentError } from '../errors/errors.js';
import type { ResolvedRetryPolicy, ResolvedStepOptions, RetryPolicy } from '../model/retry.js';
import type { StepOptions } from './context.js';
import { parseDuration } from './duration.js';

/** What holds where nobody says otherwise: 3 attempts, 1 s doubling up to 5 min, full jitter. */
export const DEFAULT_RETRY: ResolvedRetryPolicy = {
  maxAttempts: 3,
  initialDelayMs: 1_000,
  factor: 2,
  maxDelayMs: 300_000,
  jitter: 'full',
};

/**
 * Fills a policy in; each setting that is absent comes from `base`, so one option never switches another off.
 *
 * @throws InvalidArgumentError naming the field
 */
export function resolveRetryPolicy(
  policy: RetryPolicy | undefined,
  base: ResolvedRetryPolicy,
  field: string,
): ResolvedRetryPolicy {
  if (policy === undefined) return base;
  const { maxAttempts, initialDelay, factor, maxDelay, jitter } = policy;
  return {
    maxAttempts:
      maxAttempts === undefined
        ? base.maxAttempts
        : requireCount(maxAttempts, 1, `${field}.maxAttempts`),
    initialDelayMs:
      initialDelay === undefined
        ? base.initialDelayMs
        : parseDuration(initialDelay, `${field}.initialDelay`),
    factor: factor === undefined ? base.factor : requireFactor(factor, `${field}.factor`),
    maxDelayMs:
      maxDelay === undefined ? base.maxDelayMs : parseDuration(maxDelay, `${field}.maxDelay`),
    jitter: jitter === undefined ? base.jitter : requireJitter(jitter, `${field}.jitter`),
  };
}

/** Fills the options of a step in: the call's own win over the contract's, and those over the engine's. */
export function resolveStepOptions(
  layers: readonly (StepOptions | undefined)[],
  base: ResolvedRetryPolicy,
): ResolvedStepOptions {
  let resolved: ResolvedStepOptions = { retry: base, timeoutMs: null, heartbeatTimeoutMs: null };
  for (const options of layers) {
    if (options !== undefined) resolved = applyOptions(resolved, options);
  }
  return resolved;
}

function applyOptions(base: ResolvedStepOptions, options: StepOptions): ResolvedStepOptions {
  const { retries, timeout, heartbeatTimeout } = options;
  const retry = resolveRetryPolicy(options.retry, base.retry, 'retry');
  return {
    retry:
      retries === undefined
        ? retry
        : { ...retry, maxAttempts: requireCount(retries, 0, 'retries') + 1 },
    timeoutMs: timeout === undefined ? base.timeoutMs : parseDuration(timeout, 'timeout'),
    heartbeatTimeoutMs:
      heartbeatTimeout === undefined
        ? base.heartbeatTimeoutMs
        : parseDuration(heartbeatTimeout, 'heartbeatTimeout'),
  };
}

function requireCount(value: number, least: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError({
    field,
    received: value,
    todo: `Pass a whole number of ${least} or more.`,
  });
}

function requireFactor(value: number, field: string): number {
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError({ field, received: value, todo: 'Pass a number of 1 or more.' });
}

function requireJitter(value: string, field: string): 'full' | 'none' {
  if (value === 'full' || value === 'none') return value;
  throw new InvalidArgumentError({ field, received: value, todo: "Pass 'full' or 'none'." });
}
