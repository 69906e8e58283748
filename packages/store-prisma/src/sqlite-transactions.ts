/**
 * Prisma's interactive transactions on SQLite. Its adapter has one handle, on which any other query of the client gets into
 * a transaction that is open; so those of `ctx.transaction` run on a client of their own, which the application gives.
 */
import {
  type MaybePromise,
  OneAtATime,
  type OrmTransactions,
  type ScriptRunner,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';
import { BodyClient } from './body-client.js';
import type { PrismaClientLike, RawClient } from './client.js';
import { execute } from './raw-queries.js';
import { SqliteTransactionSession } from './sqlite-transaction.js';
import { requireTransaction } from './transaction-client.js';
import { inTransaction } from './transactions.js';

/**
 * Makes the transaction the one that may write. Prisma begins deferred, and what has read would fail when it writes after
 * others have: on a database that the engine writes to all the time, it would hardly ever succeed.
 */
const TAKE_WRITE_LOCK = 'delete from durable_runs where false';

export class SqliteTransactions implements OrmTransactions<RawClient> {
  readonly #client: PrismaClientLike | undefined;
  readonly #now: (() => number) | undefined;
  readonly #line = new OneAtATime();
  readonly #bodies = new WeakMap<RawClient, BodyClient>();

  /**
   * @param client used for nothing else
   * @param now see `ConnectionOptions`
   */
  constructor(client: PrismaClientLike | undefined, now: (() => number) | undefined) {
    this.#client = client;
    this.#now = now;
  }

  async begin<T>(work: (tx: RawClient) => MaybePromise<T>): Promise<T> {
    const client = this.#client;
    if (client !== undefined) return this.#line.run(() => this.#transaction(client, work));
    throw new UnsupportedHandleError({
      received: 'one PrismaClient on SQLite for ctx.transaction and for all else',
      todo:
        'Other queries of the client would get into the transaction. Give it a second client on the same file: ' +
        'new PrismaStateStore(prisma, { transactionClient }).',
    });
  }

  seal(tx: RawClient, transaction: string): ScriptRunner {
    const body = this.#bodies.get(tx);
    body?.seal(transaction);
    const runner = this.runnerOf(tx);
    return body ? { run: (script) => body.asOwn(async () => runner.run(script)) } : runner;
  }

  runnerOf(tx: unknown): ScriptRunner {
    const session = new SqliteTransactionSession(requireTransaction(tx), this.#now);
    return { run: (script) => session.run(script()) };
  }

  async #transaction<T>(
    client: PrismaClientLike,
    work: (tx: RawClient) => MaybePromise<T>,
  ): Promise<T> {
    const body = new BodyClient(client);
    try {
      return await inTransaction(body.root, async (tx) => {
        await body.asOwn(() => execute(tx, TAKE_WRITE_LOCK, []));
        const guarded = body.guarded(tx);
        this.#bodies.set(guarded, body);
        return body.run(() => work(guarded));
      });
    } catch (error) {
      // A COMMIT that fails leaves the transaction open on the handle, for whoever comes next. A closed one is opened anew.
      if (!body.isOfWork(error)) await client.$disconnect();
      throw error;
    }
  }
}
