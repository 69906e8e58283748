/**
 * The transport's connections. One carries commands; it waits for Redis as long as it takes and sends again what it has no
 * answer to, so that a result outlives an outage. Others block on streams and queues. A socket that brings no answer is
 * given up (trap B22).
 */
import type { Runtime } from '@dudousxd/nestjs-durable-core';
import { Redis, type RedisOptions } from 'ioredis';

/** Longer than any command of ours blocks. */
const SOCKET_TIMEOUT_MS = 15_000;

/** Ids and numbers: what makes two errors of one kind differ. */
const WORD_WITH_DIGIT = /[\w.-]*\d[\w.-]*/g;
const CONNECTION_ERROR = /connection is closed|ECONN|EPIPE|socket/i;

const OWN_OPTIONS = {
  // Wait for Redis, as BullMQ asks for.
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  lazyConnect: false,
  commandTimeout: undefined,
  socketTimeout: SOCKET_TIMEOUT_MS,
  // Replies of the shape that BullMQ and we read.
  protocol: 2,
  replyMapping: 'legacy',
} as const satisfies RedisOptions;

/** A Redis that refuses in ever new words must not fill the log. */
const MAX_REPORTS = 100;

/** Redis cannot be reached now. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

/** Connections that end together. */
export class RedisLink {
  readonly commands: Redis;
  readonly #runtime: Runtime;
  readonly #open = new Set<Redis>();
  readonly #listeners = new Set<() => void>();
  readonly #reported = new Set<string>();
  #isAway = false;
  #isClosed = false;

  constructor(connection: Redis | RedisOptions, runtime: Runtime) {
    this.#runtime = runtime;
    this.commands = this.#track(isClient(connection) ? duplicate(connection) : create(connection));
    this.commands.on('error', (error: unknown) => this.#noteAway(error));
    this.commands.on('close', () => this.#noteAway(undefined));
    this.commands.on('ready', () => this.#noteReady());
  }

  /** Whether a command would be sent at once. */
  get isReady(): boolean {
    return this.commands.status === 'ready';
  }

  /** A connection for commands that block. */
  blocking(): Redis {
    return this.commands.duplicate();
  }

  /** Calls back whenever the connection for commands becomes ready. */
  onReady(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Logs what has failed and is tried again: once for each kind of error, and not what an outage explains. */
  report(what: string, error: unknown): void {
    const { logger } = this.#runtime;
    const text = error instanceof Error ? error.message : String(error);
    const kind = `${what}: ${text.replaceAll(WORD_WITH_DIGIT, '#')}`;
    const isNews = this.isReady && !this.#reported.has(kind) && this.#reported.size < MAX_REPORTS;
    if (!isNews || this.#isClosed || CONNECTION_ERROR.test(text)) {
      logger.debug(`${what} failed; trying again.`, { error });
      return;
    }
    this.#reported.add(kind);
    logger.warn(`${what} failed; trying again. Errors like this are logged once.`, { error });
  }

  /** Ends all connections at once, those that BullMQ has made from ours too. */
  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    for (const redis of this.#open) redis.disconnect();
    this.#open.clear();
  }

  /** Copies are remembered: BullMQ may not get to close its own while Redis is away. */
  #track(redis: Redis): Redis {
    this.#open.add(redis);
    redis.on('error', (error: unknown) => {
      this.#runtime.logger.debug('A connection to Redis has failed.', { error });
    });
    const original = redis.duplicate.bind(redis);
    const tracked = (override?: Partial<RedisOptions>) => {
      const copy = this.#track(original(override) as Redis);
      if (this.#isClosed) copy.disconnect();
      return copy;
    };
    return Object.assign(redis, { duplicate: tracked });
  }

  #noteAway(error: unknown): void {
    if (this.#isAway || this.#isClosed) return;
    this.#isAway = true;
    const fields = error === undefined ? {} : { error };
    const message = 'Redis is away. Remote steps wait in the outbox and go on when it is back.';
    this.#runtime.logger.warn(message, fields);
  }

  #noteReady(): void {
    if (this.#isAway) this.#runtime.logger.info('Redis is back.');
    this.#isAway = false;
    for (const listener of this.#listeners) listener();
  }
}

function isClient(connection: Redis | RedisOptions): connection is Redis {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}

function create(options: RedisOptions): Redis {
  return new Redis({ ...options, ...OWN_OPTIONS });
}

function duplicate(client: Redis): Redis {
  return client.duplicate(OWN_OPTIONS) as Redis;
}
