import type { Duration } from '../workflow/duration.js';

/** How failed attempts of a step are repeated. */
export interface RetryPolicy {
  /** Attempts in all, the first included. @default 3 */
  readonly maxAttempts?: number;
  /** Delay before the second attempt. @default '1s' */
  readonly initialDelay?: Duration;
  /** Factor between two delays. @default 2 */
  readonly factor?: number;
  /** Largest delay. @default '5m' */
  readonly maxDelay?: Duration;
  /** `full`: a delay drawn evenly from [0, delay]; `none`: the delay itself. @default 'full' */
  readonly jitter?: 'full' | 'none';
}

/** A policy with every default filled in; times in milliseconds. */
export interface ResolvedRetryPolicy {
  readonly maxAttempts: number;
  readonly initialDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: 'full' | 'none';
}

/** Options of a step with every default filled in. */
export interface ResolvedStepOptions {
  readonly retry: ResolvedRetryPolicy;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
}

/**
 * Delay before the attempt that follows `attempt`: exponential with a cap, and "full jitter" as in Marc Brooker,
 * "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 *
 * @param random in [0, 1)
 */
export function retryDelayMs(policy: ResolvedRetryPolicy, attempt: number, random: number): number {
  const delay = Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.factor ** (attempt - 1));
  return Math.round(policy.jitter === 'full' ? delay * random : delay);
}
