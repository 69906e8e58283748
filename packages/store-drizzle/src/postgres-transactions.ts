/**
 * Drizzle's transactions on PostgreSQL. Those of `ctx.transaction` run on a client that is taken from the pool here, so that
 * one whose state nobody knows goes back to be thrown away, and not to whoever asks next.
 */
import {
  BodyClient,
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
import { receivedInsteadOf, sessionClientOf, sessionOn } from './transaction-handle.js';

export class PostgresTransactions implements OrmTransactions {
  readonly #db: object;
  readonly #pool: PgPool;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<PgConnection, BodyClient>();

  /** @param now see `ConnectionOptions` */
  constructor(db: object, pool: PgPool, now: (() => number) | undefined) {
    this.#db = db;
    this.#pool = pool;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const client = await lendClient(this.#pool);
    const body = new BodyClient(client);
    const { guard, guarded } = body;
    this.#bodies.set(guarded, body);
    let isKnown = false;
    try {
      const result = await sessionOn(this.#db, guarded).transaction((tx) =>
        guard.run(() => work(tx)),
      );
      isKnown = true;
      return result;
    } catch (error) {
      isKnown = guard.isOfWork(error);
      throw error;
    } finally {
      guard.close();
      client.release(!isKnown);
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const body = this.#bodies.get(clientOf(tx));
    return body ? body.seal(transaction, this.#now) : this.runnerOf(tx);
  }

  runnerOf(tx: unknown): ScriptRunner {
    const send = sendOver(clientOf(tx));
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
