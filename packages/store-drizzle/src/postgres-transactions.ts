/**
 * Drizzle's transactions on PostgreSQL. Those of `ctx.transaction` run on a client that is taken from the pool here, so that
 * one whose state nobody knows goes back to be thrown away, and not to whoever asks next.
 */
import {
  lendClient,
  type MaybePromise,
  NotATransactionError,
  type OrmTransactions,
  type PgConnection,
  type PgPool,
  PostgresSession,
  type ScriptRunner,
  sendOver,
} from '@dudousxd/nestjs-durable-store-sql';
import { BodyClient } from './body-client.js';
import { receivedInsteadOf, sessionClientOf, sessionOn } from './transaction-handle.js';

export class PostgresTransactions implements OrmTransactions {
  readonly #db: object;
  readonly #pool: PgPool;
  readonly #now: (() => number) | undefined;

  /** @param now see `ConnectionOptions` */
  constructor(db: object, pool: PgPool, now: (() => number) | undefined) {
    this.#db = db;
    this.#pool = pool;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const client = await lendClient(this.#pool);
    const guarded = new BodyClient(client);
    let workError: unknown;
    try {
      const result = await sessionOn(this.#db, guarded).transaction(async (tx): Promise<T> => {
        try {
          return await work(tx);
        } catch (error) {
          workError = error;
          throw error;
        }
      });
      guarded.close();
      client.release();
      return result;
    } catch (error) {
      guarded.close();
      // Any other error than the work's own comes from COMMIT, or from a ROLLBACK that failed.
      if (error !== undefined && error === workError) client.release();
      else client.release(true);
      throw error;
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const client = clientOf(tx);
    if (!(client instanceof BodyClient)) return this.runnerOf(tx);
    client.seal(transaction);
    return this.#runnerOn(client.native);
  }

  runnerOf(tx: unknown): ScriptRunner {
    return this.#runnerOn(clientOf(tx));
  }

  #runnerOn(client: PgConnection): ScriptRunner {
    const send = sendOver(client);
    return { run: (script) => new PostgresSession({ send, now: this.#now }).run(script()) };
  }
}

/** The client that a transaction runs on. */
function clientOf(tx: unknown): PgConnection {
  const client = sessionClientOf(tx);
  if (isClient(client)) return client;
  throw new NotATransactionError(receivedInsteadOf(tx));
}

function isClient(value: unknown): value is PgConnection {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'query') === 'function' && !('totalCount' in value);
}
