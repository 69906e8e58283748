/**
 * Transactions on a `pg.Pool`. Those that may write run at READ COMMITTED, and the scripts take the locks that they need;
 * what only reads runs on one snapshot. Statements are sent without a name: a plan that was made while a table was empty
 * would be kept as it grows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Dialect } from '../dialect/dialect.js';
import { postgres } from '../dialect/postgres.js';
import { StoreBusyError, StoreClosedError } from '../errors.js';
import type { FailureKind, SqlExecutor } from '../sql/executor.js';
import type { Script } from '../sql/script.js';
import {
  isLockTimeout,
  isRefusal,
  isRetryable,
  isUnavailable,
  type PgClient,
  type PgPool,
} from './driver.js';
import { PostgresSession } from './postgres-session.js';

export interface PostgresExecutorOptions {
  /** The application's. It is never ended here. */
  readonly pool: PgPool;
  /** Epoch milliseconds, in place of the database's clock. For tests. */
  readonly now?: () => number;
  /** How long to wait for a lock that another transaction holds. @default 10 s */
  readonly busyTimeoutMs?: number;
}

const MAX_TRIES = 5;
const RETRY_JITTER_MS = 20;
/** Beyond the wait for a lock, in milliseconds. A statement of ours takes a small part of that. */
const STATEMENT_MARGIN_MS = 20_000;
/** The server is asked first: when it does not answer, the connection is dead. */
const CONNECTION_MARGIN_MS = 5_000;

/** Pools whose idle clients' errors are heard: without a listener the loss of one would end the process. */
const heard = new WeakSet<PgPool>();

export class PostgresExecutor implements SqlExecutor {
  readonly dialect: Dialect = postgres;
  readonly #pool: PgPool;
  readonly #now: (() => number) | undefined;
  readonly #busyTimeoutMs: number;
  readonly #active = new Set<Promise<unknown>>();
  #isClosed = false;
  #lastNow = 0;

  constructor({ pool, now, busyTimeoutMs = 10_000 }: PostgresExecutorOptions) {
    this.#pool = pool;
    this.#now = now;
    this.#busyTimeoutMs = busyTimeoutMs;
    if (heard.has(pool)) return;
    heard.add(pool);
    // The pool has dropped the client by then, and makes a new one when it is asked for one.
    pool.on('error', () => {});
  }

  write<T>(script: () => Script<T>): Promise<T> {
    const begin = [
      'begin isolation level read committed',
      `set local lock_timeout = ${this.#busyTimeoutMs}`,
      `set local statement_timeout = ${this.#busyTimeoutMs + STATEMENT_MARGIN_MS}`,
    ];
    return this.#track(() => this.#repeat(begin, script));
  }

  read<T>(script: () => Script<T>): Promise<T> {
    const begin = [
      'begin isolation level repeatable read, read only',
      `set local statement_timeout = ${this.#busyTimeoutMs + STATEMENT_MARGIN_MS}`,
    ];
    return this.#track(() => this.#repeat(begin, script));
  }

  classify(error: unknown): FailureKind {
    if (error instanceof StoreBusyError || error instanceof StoreClosedError) return 'unavailable';
    if (isUnavailable(error)) return 'unavailable';
    return isRefusal(error) ? 'refused' : 'other';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#active);
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StoreClosedError();
    const running = work();
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }

  async #repeat<T>(begin: readonly string[], script: () => Script<T>): Promise<T> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#transaction(begin, script);
      } catch (error) {
        const isBusy = isLockTimeout(error);
        if (!isBusy && !isRetryable(error)) throw error;
        if (isBusy || tries >= MAX_TRIES) {
          throw new StoreBusyError({
            waitedMs: Math.round(performance.now() - startedAt),
            cause: error,
          });
        }
        await delay(Math.random() * RETRY_JITTER_MS * tries);
      }
    }
  }

  async #transaction<T>(begin: readonly string[], script: () => Script<T>): Promise<T> {
    const client = await this.#pool.connect();
    // An error between two statements comes as an event; the next statement fails by it.
    const ignore = (): void => {};
    client.on('error', ignore);
    const lease = new ClientLease(client, ignore);
    const timeoutMs = this.#busyTimeoutMs + STATEMENT_MARGIN_MS + CONNECTION_MARGIN_MS;
    const neverBack = (now: number): number => {
      this.#lastNow = Math.max(this.#lastNow, now);
      return this.#lastNow;
    };
    const session = new PostgresSession({ client, timeoutMs, now: this.#now, neverBack });
    try {
      await session.begin(begin);
      const result = await run(session, script());
      await session.send('commit');
      lease.giveBack();
      return result;
    } catch (error) {
      await lease.giveUp(session, error);
      throw error;
    }
  }
}

/** A client that has to go back to its pool, whole or to be thrown away. */
class ClientLease {
  readonly #client: PgClient;
  readonly #listener: () => void;

  constructor(client: PgClient, listener: () => void) {
    this.#client = client;
    this.#listener = listener;
  }

  giveBack(destroy?: Error): void {
    this.#client.release(destroy);
    // A client that is thrown away may still have something to say.
    if (destroy === undefined) this.#client.off('error', this.#listener);
  }

  /** Rolls back. Where that is not possible, the server does it when the connection ends. */
  async giveUp(session: PostgresSession, cause: unknown): Promise<void> {
    if (isUnavailable(cause) && !isRetryable(cause) && !isLockTimeout(cause)) {
      this.giveBack(asError(cause));
      return;
    }
    try {
      await session.send('rollback');
      this.giveBack();
    } catch (error) {
      this.giveBack(asError(error));
    }
  }
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}

async function run<T>(session: PostgresSession, script: Script<T>): Promise<T> {
  let step = script.next();
  while (!step.done) step = script.next(await session.answer(step.value));
  return step.value;
}
