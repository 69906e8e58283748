import { type Codec, createCodec } from './codec/codec.js';
import type { EngineOptions, WorkerOptions } from './engine-types.js';
import { InvalidArgumentError } from './errors/errors.js';
import { requireName } from './model/ids.js';
import type { ResolvedRetryPolicy } from './model/retry.js';
import type { Runtime } from './runtime/runtime.js';
import { consoleLogger, createSystemRuntime } from './runtime/system.js';
import { parseDuration } from './workflow/duration.js';
import { DEFAULT_RETRY, resolveRetryPolicy } from './workflow/step-options.js';

/** Settings of the worker role with every default filled in; times in milliseconds. */
export interface WorkerSettings {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly maxPollMs: number;
  readonly maxActiveRuns: number;
  readonly maxLocalSteps: number;
  readonly maxTransactions: number;
  readonly residentIdleMs: number;
  readonly residentCount: number;
  readonly cancelGraceMs: number;
  readonly cleanupGraceMs: number;
  readonly maxCrashes: number;
  readonly maxRemoteCrashes: number;
}

/** Everything an engine was told, checked once. */
export interface Settings {
  readonly namespace: string;
  /** Null: this process executes no runs. */
  readonly worker: WorkerSettings | null;
  readonly retry: ResolvedRetryPolicy;
  readonly codec: Codec;
  readonly autoSchema: boolean;
  readonly startTimeoutMs: number;
  readonly busyTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly captureSites: boolean;
  readonly detectForeignCalls: boolean;
  readonly runtime: Runtime;
}

/** @throws InvalidArgumentError naming the option */
export function resolveSettings(options: EngineOptions): Settings {
  const { worker, namespace, codec, runtime } = options;
  const resolvedRuntime = runtime ?? createSystemRuntime(consoleLogger);
  return {
    namespace: requireName(namespace ?? 'default', 'namespace'),
    worker:
      worker === false
        ? null
        : resolveWorker(worker === true || worker === undefined ? {} : worker),
    retry: resolveRetryPolicy(options.retry, DEFAULT_RETRY, 'retry'),
    codec: createCodec({
      ...codec,
      onLarge: ({ field, bytes, limit }) =>
        resolvedRuntime.logger.warn(
          `${field} takes ${bytes} bytes; above ${limit} a reference is better.`,
        ),
    }),
    autoSchema: options.autoSchema ?? true,
    startTimeoutMs: duration(options.startTimeout, 30_000, 'startTimeout'),
    busyTimeoutMs: duration(options.busyTimeout, 10_000, 'busyTimeout'),
    shutdownTimeoutMs: duration(options.shutdownTimeout, 10_000, 'shutdownTimeout'),
    captureSites: options.captureSites ?? false,
    detectForeignCalls: options.detectForeignCalls ?? process.env.NODE_ENV !== 'production',
    runtime: resolvedRuntime,
  };
}

function resolveWorker(worker: WorkerOptions): WorkerSettings {
  const leaseMs = positive(duration(worker.lease, 30_000, 'worker.lease'), 'worker.lease');
  const heartbeatMs = positive(
    duration(worker.heartbeat, leaseMs / 3, 'worker.heartbeat'),
    'worker.heartbeat',
  );
  if (heartbeatMs > leaseMs / 2) {
    const todo = 'Let at least two heartbeats fit into the lease.';
    throw new InvalidArgumentError({ field: 'worker.heartbeat', received: worker.heartbeat, todo });
  }
  return {
    leaseMs,
    heartbeatMs,
    maxPollMs: positive(duration(worker.maxPoll, 500, 'worker.maxPoll'), 'worker.maxPoll'),
    maxActiveRuns: count(worker.maxActiveRuns, 1_000, 1, 'worker.maxActiveRuns'),
    maxLocalSteps: count(worker.maxLocalSteps, 100, 1, 'worker.maxLocalSteps'),
    maxTransactions: count(worker.maxTransactions, 5, 1, 'worker.maxTransactions'),
    residentIdleMs: duration(worker.residentIdle, 5_000, 'worker.residentIdle'),
    residentCount: count(worker.residentCount, 10_000, 0, 'worker.residentCount'),
    cancelGraceMs: duration(worker.cancelGrace, 30_000, 'worker.cancelGrace'),
    cleanupGraceMs: duration(worker.cleanupGrace, 300_000, 'worker.cleanupGrace'),
    maxCrashes: count(worker.maxCrashes, 10, 1, 'worker.maxCrashes'),
    maxRemoteCrashes: count(worker.maxRemoteCrashes, 10, 1, 'worker.maxRemoteCrashes'),
  };
}

function duration(value: WorkerOptions['lease'], fallbackMs: number, field: string): number {
  return value === undefined ? fallbackMs : parseDuration(value, field);
}

function positive(ms: number, field: string): number {
  if (ms > 0) return ms;
  throw new InvalidArgumentError({ field, received: ms, todo: 'Pass a duration above 0.' });
}

function count(value: number | undefined, fallback: number, least: number, field: string): number {
  const chosen = value ?? fallback;
  if (Number.isSafeInteger(chosen) && chosen >= least) return chosen;
  throw new InvalidArgumentError({
    field,
    received: value,
    todo: `Pass a whole number of ${least} or more.`,
  });
}
