/** Prisma's interactive transactions, as far as the store takes part in them. */
import {
  type MaybePromise,
  type OrmTransactions,
  PostgresSession,
  type ScriptRunner,
} from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaClientLike, RawClient } from './client.js';
import { readRows } from './raw-queries.js';
import { SqliteTransactionSession } from './sqlite-transaction.js';
import { orEnded, requireTransaction } from './transaction-client.js';

/** Of `ctx.transaction`: its function may take its time, and Prisma would end the transaction after 5 seconds. */
const LIMITS = { timeout: 600_000, maxWait: 10_000 } as const;

/** `$transaction` with a function. The level is that of the client's own `transactionOptions`. */
interface InteractiveClient {
  $transaction<T>(work: (tx: RawClient) => Promise<T>, options: typeof LIMITS): Promise<T>;
}

/** What differs between databases. */
interface Kind {
  /** What comes first in a transaction that is opened here. */
  readonly prepare?: (tx: RawClient) => PromiseLike<unknown>;
  readonly runnerOf: (tx: RawClient) => ScriptRunner;
}

class PrismaTransactions implements OrmTransactions<RawClient> {
  readonly #client: InteractiveClient;
  readonly #kind: Kind;

  constructor(client: PrismaClientLike, kind: Kind) {
    this.#client = client as PrismaClientLike & InteractiveClient;
    this.#kind = kind;
  }

  begin<T>(work: (tx: RawClient) => MaybePromise<T>): Promise<T> {
    return this.#client.$transaction(async (tx) => {
      await this.#kind.prepare?.(tx);
      return work(tx);
    }, LIMITS);
  }

  runnerOf(tx: unknown): ScriptRunner {
    return this.#kind.runnerOf(requireTransaction(tx));
  }
}

/** @param now epoch milliseconds, in place of the database's clock */
export function postgresTransactions(
  client: PrismaClientLike,
  now: (() => number) | undefined,
): OrmTransactions {
  return new PrismaTransactions(client, {
    runnerOf: (tx) => {
      const session = new PostgresSession({
        send: (text, values = []) =>
          orEnded(async () => ({ rows: await readRows(tx, text, values) })),
        now,
      });
      return { run: (script) => session.run(script()) };
    },
  });
}

/**
 * Takes the write lock. Prisma begins deferred, and what has read fails when it writes after others have: on a database
 * that the engine writes to all the time, it would hardly ever succeed.
 */
const TAKE_WRITE_LOCK = 'delete from durable_schema where 0';

/** @param now epoch milliseconds: the database's clock, which in SQLite is the process's */
export function sqliteTransactions(
  client: PrismaClientLike,
  now: (() => number) | undefined,
): OrmTransactions {
  return new PrismaTransactions(client, {
    prepare: (tx) => tx.$executeRawUnsafe(TAKE_WRITE_LOCK),
    runnerOf: (tx) => {
      const session = new SqliteTransactionSession(tx, now);
      return { run: (script) => session.run(script()) };
    },
  });
}
