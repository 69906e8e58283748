/**
 * Transactions on a pool of connections to MySQL or MariaDB. Those that may write run at READ COMMITTED, and the scripts
 * take the locks that they need; what only reads runs on one snapshot. Connections go back to the application as they
 * came from it; one whose state or outcome is unknown is closed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import { mysql } from '../dialect/mysql.js';
import { StoreBusyError, StoreClosedError } from '../errors.js';
import type { FailureKind, SqlExecutor } from '../sql/executor.js';
import { noHints } from '../sql/hints.js';
import { rows, type Script } from '../sql/script.js';
import type { Params, Query } from '../sql/statement.js';
import { type BoundedConnection, connectWithin } from './bounded-connection.js';
import { type MySqlDriverPool, type MySqlPool, type MySqlSend, toMySqlPool } from './driver.js';
import { isLockTimeout, isRefusal, isRetryable, isUnavailable } from './failures.js';
import { MySqlSession } from './mysql-session.js';
import { serverOf } from './server.js';
import {
  READS,
  RESTORE_SESSION,
  setSession,
  type TransactionKind,
  WRITES,
} from './session-settings.js';

export interface MySqlExecutorOptions {
  /** The application's. It is never ended here. */
  readonly pool: MySqlDriverPool;
  /** Epoch milliseconds, in place of the database's clock. For tests. */
  readonly now?: () => number;
  /** How long to wait for a lock that another transaction holds; whole seconds. @default 10 s */
  readonly busyTimeoutMs?: number;
}

const MAX_TRIES = 5;
const RETRY_JITTER_MS = 20;
/** Beyond the wait for a lock, in milliseconds. A statement of ours takes a small part of that. */
const ANSWER_MARGIN_MS = 25_000;

export class MySqlExecutor implements SqlExecutor {
  readonly #pool: MySqlPool;
  readonly clock: (() => number) | null;
  readonly hints = noHints;
  readonly #busyTimeoutMs: number;
  readonly #active = new Set<Promise<unknown>>();
  #dialect: Dialect = mysql;
  #isClosed = false;
  #lastNow = 0;

  constructor({ pool, now, busyTimeoutMs = 10_000 }: MySqlExecutorOptions) {
    this.#pool = toMySqlPool(pool);
    this.clock = now ?? null;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  /** MySQL's until a connection has said that it is MariaDB's. */
  get dialect(): Dialect {
    return this.#dialect;
  }

  write<T>(script: () => Script<T>): Promise<T> {
    return this.#track(this.#repeat(WRITES, script));
  }

  statement<Row>(statement: Query<Row>, params: Params): Promise<readonly Row[]> {
    return this.write(() => rows(statement, params));
  }

  urgent<T>(script: () => Script<T>): Promise<T> {
    return this.write(script);
  }

  async connectionFindings(): Promise<readonly SettingFinding[]> {
    return [];
  }

  read<T>(script: () => Script<T>): Promise<T> {
    return this.#track(this.#repeat(READS, script));
  }

  classify(error: unknown): FailureKind {
    if (error instanceof StoreBusyError || error instanceof StoreClosedError) return 'unavailable';
    if (isUnavailable(error)) return 'unavailable';
    return isRefusal(error) ? 'refused' : 'other';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#active.size > 0) await Promise.allSettled(this.#active);
  }

  async #track<T>(running: Promise<T>): Promise<T> {
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }

  async #repeat<T>(kind: TransactionKind, script: () => Script<T>): Promise<T> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries += 1) {
      if (this.#isClosed) throw new StoreClosedError();
      try {
        return await this.#transaction(kind, script);
      } catch (error) {
        const isBusy = isLockTimeout(error);
        if (!isBusy && !isRetryable(error)) throw error;
        if (isBusy || tries >= MAX_TRIES) {
          const waitedMs = Math.round(performance.now() - startedAt);
          throw new StoreBusyError({ waitedMs, cause: error });
        }
        await delay(Math.random() * RETRY_JITTER_MS * tries);
      }
    }
  }

  async #transaction<T>(kind: TransactionKind, script: () => Script<T>): Promise<T> {
    const limitMs = this.#busyTimeoutMs + ANSWER_MARGIN_MS;
    const connection = await connectWithin(this.#pool, limitMs);
    let session: MySqlSession | undefined;
    try {
      const server = await serverOf(connection);
      this.#dialect = server.dialect;
      const neverBack = (now: number): number => {
        this.#lastNow = Math.max(this.#lastNow, now);
        return this.#lastNow;
      };
      const send: MySqlSend = (text, values) => connection.send(text, values);
      session = new MySqlSession({ send, server, now: this.clock, neverBack });
      await session.begin([setSession(server.dialect, kind, this.#busyTimeoutMs), kind.begin]);
      const result = await run(session, script());
      await session.send('commit');
      // The caller need not wait for what only concerns the next user of the connection.
      void this.#track(this.#giveBack(connection, session));
      return result;
    } catch (error) {
      await this.#giveUp(connection, session, error);
      throw error;
    }
  }

  /** Never rejects: a connection that cannot be put in order is closed. */
  async #giveBack(connection: BoundedConnection, session: MySqlSession): Promise<void> {
    // The lock of a migration ends with the connection.
    if (session.hasSessionLock) {
      connection.destroy();
      return;
    }
    try {
      await connection.send(RESTORE_SESSION);
      await connection.release();
    } catch {
      connection.destroy();
    }
  }

  /** Rolls back. Where that is not possible, the server does it when the connection ends. */
  async #giveUp(
    connection: BoundedConnection,
    session: MySqlSession | undefined,
    cause: unknown,
  ): Promise<void> {
    const isLost = isUnavailable(cause) && !isLockTimeout(cause);
    if (isLost || session === undefined) {
      connection.destroy();
      return;
    }
    try {
      await connection.send('rollback');
    } catch {
      connection.destroy();
      return;
    }
    await this.#giveBack(connection, session);
  }
}

async function run<T>(session: MySqlSession, script: Script<T>): Promise<T> {
  let step = script.next();
  while (!step.done) step = script.next(await session.answer(step.value));
  return step.value;
}
