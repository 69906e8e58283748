import { InvalidArgumentError } from '@dudousxd/nestjs-durable-core';
import { DEFAULT_LIMITS } from '@dudousxd/nestjs-durable-protocol';
import type { Redis, RedisOptions } from 'ioredis';

/** At most `max` tasks in any `durationMs`, over all workers of a queue together: BullMQ's limiter. */
export interface RateLimit {
  readonly max: number;
  readonly durationMs: number;
}

/** A task queue that this process serves. */
export interface TaskQueueOptions {
  readonly name: string;
  /** Steps that come by this queue: names, or beginnings of names with `*` at the end. */
  readonly steps: readonly string[];
  /** @default the transport's */
  readonly concurrency?: number;
  /** @default the transport's */
  readonly limiter?: RateLimit;
}

/** Settings of the transport. */
export interface BullMqTransportOptions {
  /**
   * A client of ioredis, or the options of one. The transport makes connections of its own from either, and never closes
   * yours. Options such as `keyPrefix` that change keys are refused; use `prefix`.
   */
  readonly connection: Redis | RedisOptions;
  /** Start of every key. @default 'durable' */
  readonly prefix?: string;
  /** Queues of several steps, for handlers in this process. A step that none of them names has a queue of its own name. */
  readonly queues?: readonly TaskQueueOptions[];
  /** Tasks of one queue that run at once in this process. @default 100 */
  readonly concurrency?: number;
  /** Of every queue for itself. @default none */
  readonly limiter?: RateLimit;
  /** Longer messages are neither sent nor parsed. @default 8388608 */
  readonly maxMessageBytes?: number;
}

/** The options, checked and with every default. */
export interface ResolvedOptions {
  readonly connection: Redis | RedisOptions;
  readonly prefix: string;
  readonly queues: readonly TaskQueueOptions[];
  readonly concurrency: number;
  readonly limiter: RateLimit | undefined;
  readonly maxMessageBytes: number;
}

const DEFAULT_CONCURRENCY = 100;

/** @throws InvalidArgumentError naming the option */
export function resolveOptions(options: BullMqTransportOptions): ResolvedOptions {
  const { connection, prefix = 'durable', queues = [], limiter } = options ?? {};
  requireConnection(connection);
  if (prefix === '') refuse('prefix', prefix, 'Pass a text that is not empty.');
  if (limiter !== undefined) requireLimiter(limiter, 'limiter');
  queues.forEach((queue, index) => {
    requireQueue(queue, `queues[${index}]`);
  });
  requireDistinct(queues);
  return {
    connection,
    prefix,
    queues,
    limiter,
    concurrency: count(options.concurrency ?? DEFAULT_CONCURRENCY, 'concurrency'),
    maxMessageBytes: count(options.maxMessageBytes ?? DEFAULT_LIMITS.maxBytes, 'maxMessageBytes'),
  };
}

function requireConnection(connection: unknown): void {
  const todo = "Pass a client of ioredis, or its options: { host: 'localhost', port: 6379 }.";
  if (typeof connection !== 'object' || connection === null) refuse('connection', connection, todo);
  const own: unknown = Reflect.get(connection, 'options') ?? connection;
  const keyPrefix: unknown = Reflect.get(own as object, 'keyPrefix');
  if (keyPrefix === undefined || keyPrefix === '') return;
  refuse('connection.keyPrefix', keyPrefix, "BullMQ does not know it. Use the transport's prefix.");
}

function requireQueue({ name, steps, concurrency, limiter }: TaskQueueOptions, field: string) {
  if (typeof name !== 'string' || name === '')
    refuse(`${field}.name`, name, 'Pass the name of a queue.');
  if (!Array.isArray(steps) || steps.length === 0) {
    refuse(`${field}.steps`, steps, "Pass names of steps, or beginnings of them: 'payments.*'.");
  }
  if (concurrency !== undefined) count(concurrency, `${field}.concurrency`);
  if (limiter !== undefined) requireLimiter(limiter, `${field}.limiter`);
}

function requireDistinct(queues: readonly TaskQueueOptions[]): void {
  const names = queues.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse('queues', twice, 'Name each queue once, with all its steps.');
}

function requireLimiter({ max, durationMs }: RateLimit, field: string): void {
  count(max, `${field}.max`);
  count(durationMs, `${field}.durationMs`);
}

function count(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  return refuse(field, value, 'Pass a whole number of 1 or more.');
}

function refuse(field: string, received: unknown, todo: string): never {
  throw new InvalidArgumentError({ field, received, todo });
}
