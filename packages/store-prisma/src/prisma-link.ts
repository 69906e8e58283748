/**
 * PostgreSQL through a Prisma client, where its pool is not at hand: interactive transactions and raw queries. Prisma
 * sends one statement at a time, and lets nobody set how long one may take; so the time is measured here.
 */
import type {
  PgAnswer,
  PgSend,
  PostgresLink,
  TransactionKind,
} from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaClientLike, RawClient } from './client.js';
import { ConnectionError, toDriverError } from './driver-error.js';
import { readRows } from './raw-queries.js';

/** A transaction of ours is a few dozen statements, and each has a limit of its own. */
const TRANSACTION_TIMEOUT_MS = 600_000;

type Work<T> = (tx: RawClient) => Promise<T>;

interface TransactionOptions {
  readonly isolationLevel: TransactionKind['isolationLevel'];
  /** How long to wait for a connection. */
  readonly maxWait: number;
  readonly timeout: number;
}

/** What the client of a PostgreSQL has, and that of another database has not. */
interface PostgresClient extends PrismaClientLike {
  $transaction<T>(work: Work<T>, options: TransactionOptions): Promise<T>;
}

export class PrismaLink implements PostgresLink {
  readonly createClient = null;
  readonly maxConnections = null;
  readonly #client: PostgresClient;
  readonly #timeoutMs: number;

  /** @param timeoutMs how long a statement may take, and the wait for a connection, and the end of a transaction */
  constructor(client: PrismaClientLike, timeoutMs: number) {
    this.#client = client as PostgresClient;
    this.#timeoutMs = timeoutMs;
  }

  statement(_name: string, text: string, values?: unknown[]): Promise<PgAnswer> {
    return sendOver(this.#client, this.#timeoutMs)(text, values);
  }

  async transaction<T>(
    { isolationLevel }: TransactionKind,
    work: (send: PgSend, opening: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const maxWait = this.#timeoutMs;
    const ending = new Limit(this.#timeoutMs);
    const transaction = this.#client.$transaction(
      async (tx) => {
        try {
          return await work(sendOver(tx, this.#timeoutMs), []);
        } finally {
          // A connection that is dead answers neither COMMIT nor ROLLBACK.
          ending.start();
        }
      },
      { isolationLevel, maxWait, timeout: TRANSACTION_TIMEOUT_MS },
    );
    try {
      return await Promise.race([transaction, ending.passed]);
    } catch (error) {
      throw toDriverError(error);
    } finally {
      ending.stop();
    }
  }
}

/** Raw queries of a client, or of the client of a transaction. */
function sendOver(client: RawClient, timeoutMs: number): PgSend {
  return async (text, values = []) => {
    const limit = new Limit(timeoutMs);
    limit.start();
    try {
      const rows = await Promise.race([readRows(client, text, values), limit.passed]);
      return { rows };
    } catch (error) {
      throw toDriverError(error);
    } finally {
      limit.stop();
    }
  };
}

/** A time after which nobody waits for an answer any more. */
class Limit {
  readonly passed: Promise<never>;
  readonly #ms: number;
  #reject: (error: Error) => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.passed = new Promise((_, reject) => {
      this.#reject = reject;
    });
  }

  start(): void {
    const ms = this.#ms;
    this.#timer = setTimeout(() => {
      this.#reject(new ConnectionError(`the database has not answered for ${ms} ms`));
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
