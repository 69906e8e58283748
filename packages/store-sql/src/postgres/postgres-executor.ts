/**
 * Transactions on a `pg.Pool`. Those that may write run at READ COMMITTED, and the scripts take the locks that they need;
 * what only reads runs on one snapshot. The statements of scripts are sent without a name: they are many, and a plan that
 * was made while a table was empty would be kept as it grows. Those of the hot path see to that (`prepared.ts`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import { postgres } from '../dialect/postgres.js';
import { StoreBusyError, StoreClosedError } from '../errors.js';
import type { FailureKind, SqlExecutor } from '../sql/executor.js';
import { type HintBus, noHints } from '../sql/hints.js';
import { first, type Script } from '../sql/script.js';
import type { Params, Query } from '../sql/statement.js';
import { connectionFindings } from './connection-findings.js';
import { isLockTimeout, isRefusal, isRetryable, isUnavailable, type PgSend } from './driver.js';
import type { PostgresLink, TransactionKind } from './link.js';
import { CHANNEL_NAME, PostgresHints } from './postgres-hints.js';
import { PostgresSession } from './postgres-session.js';

export interface PostgresExecutorOptions {
  /** Makes the way to the server. Given how long a statement may take, in milliseconds, on the client's clock. */
  readonly connect: (timeoutMs: number) => PostgresLink;
  /** Epoch milliseconds, in place of the database's clock. For tests. */
  readonly now?: () => number;
  /** How long to wait for a lock that another transaction holds. @default 10 s */
  readonly busyTimeoutMs?: number;
}

const MAX_TRIES = 5;
const RETRY_JITTER_MS = 20;
/** Beyond the wait for a lock, in milliseconds. A statement of ours takes a small part of that. */
const STATEMENT_MARGIN_MS = 20_000;
/** Of what must not be late. */
const URGENT_LOCK_TIMEOUT_MS = 2_000;
/** The server is asked first: when it does not answer, the connection is dead. */
const CONNECTION_MARGIN_MS = 5_000;

interface OwnKind extends TransactionKind {
  /** Of this transaction alone. */
  readonly settings: Readonly<Record<string, number>>;
}

export class PostgresExecutor implements SqlExecutor {
  readonly dialect: Dialect = postgres;
  readonly clock: (() => number) | null;
  readonly #link: PostgresLink;
  readonly #writing: OwnKind;
  readonly #reading: OwnKind;
  readonly #texts = new WeakMap<Query<unknown>, string>();
  readonly #urgent: OwnKind;
  readonly #own: PostgresHints | null;
  readonly #active = new Set<Promise<unknown>>();
  #isClosed = false;
  #lastNow = 0;

  constructor({ connect, now, busyTimeoutMs = 10_000 }: PostgresExecutorOptions) {
    const statementTimeoutMs = busyTimeoutMs + STATEMENT_MARGIN_MS;
    this.clock = now ?? null;
    this.#link = connect(statementTimeoutMs + CONNECTION_MARGIN_MS);
    this.#writing = {
      begin: 'begin isolation level read committed',
      isolationLevel: 'ReadCommitted',
      settings: { lock_timeout: busyTimeoutMs, statement_timeout: statementTimeoutMs },
    };
    this.#urgent = {
      ...this.#writing,
      settings: { ...this.#writing.settings, lock_timeout: URGENT_LOCK_TIMEOUT_MS },
    };
    this.#reading = {
      begin: 'begin isolation level repeatable read, read only',
      isolationLevel: 'RepeatableRead',
      settings: { statement_timeout: statementTimeoutMs },
    };
    const { createClient } = this.#link;
    const readChannel = () => this.read(hintChannel);
    this.#own = createClient === null ? null : new PostgresHints({ createClient, readChannel });
  }

  get hints(): HintBus {
    return this.#own ?? noHints;
  }

  write<T>(script: () => Script<T>): Promise<T> {
    return this.#repeat(() => this.#transaction(this.#link, this.#writing, script));
  }

  /** On the connection of its own, if it is there: it does not wait for a slot of the pool. */
  async urgent<T>(script: () => Script<T>): Promise<T> {
    const own = this.#own?.connection;
    if (own === undefined || !own.isUp) return this.write(script);
    try {
      return await this.#repeat(() => this.#transaction(own, this.#urgent, script));
    } catch {
      // What failed there may succeed here, or fail with an error that says more.
      return this.write(script);
    }
  }

  connectionFindings(): Promise<readonly SettingFinding[]> {
    return connectionFindings(this.#link, this.#own);
  }

  read<T>(script: () => Script<T>): Promise<T> {
    return this.#repeat(() => this.#transaction(this.#link, this.#reading, script));
  }

  statement<Row>(statement: Query<Row>, params: Params): Promise<readonly Row[]> {
    const text = this.#textOf(statement);
    return this.#repeat(async () => {
      const { rows } = await this.#link.statement(statement.name, text, [...params]);
      return rows as readonly Row[];
    });
  }

  classify(error: unknown): FailureKind {
    if (error instanceof StoreBusyError || error instanceof StoreClosedError) return 'unavailable';
    if (isUnavailable(error)) return 'unavailable';
    return isRefusal(error) ? 'refused' : 'other';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#own?.connection.close();
    await Promise.allSettled(this.#active);
  }

  async #repeat<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StoreClosedError();
    const running = repeat(work);
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }

  #transaction<T>(
    link: Pick<PostgresLink, 'transaction'>,
    kind: OwnKind,
    script: () => Script<T>,
  ): Promise<T> {
    return link.transaction(kind, async (send, opening) => {
      const session = this.#session(send);
      await session.begin(opening, kind.settings);
      return await session.run(script());
    });
  }

  #textOf(statement: Query<unknown>): string {
    const text = this.#texts.get(statement) ?? postgres.textOf(statement);
    this.#texts.set(statement, text);
    return text;
  }

  #session(send: PgSend): PostgresSession {
    const neverBack = (now: number): number => {
      this.#lastNow = Math.max(this.#lastNow, now);
      return this.#lastNow;
    };
    return new PostgresSession({ send, now: this.clock ?? undefined, neverBack });
  }
}

/** Does the work again where the database asks for it. */
async function repeat<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
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

function* hintChannel(): Script<string> {
  const row = yield* first(CHANNEL_NAME, []);
  if (row === undefined) throw new Error('the database did not name the channel of its hints');
  return row.channel;
}
