/** Drizzle's transactions on PostgreSQL. */
import {
  type MaybePromise,
  NotATransactionError,
  type OrmTransactions,
  type PgClient,
  PostgresSession,
  type ScriptRunner,
  sendOver,
} from '@dudousxd/nestjs-durable-store-sql';
import { receivedInsteadOf, sessionClientOf } from './transaction-handle.js';

/** The part of a Drizzle database on PostgreSQL that opens transactions. */
interface TransactionalDatabase {
  transaction<T>(work: (tx: unknown) => Promise<T>): Promise<T>;
}

/** Clients whose errors between two statements are heard: without a listener the loss of one would end the process. */
const heard = new WeakSet<PgClient>();

export class PostgresTransactions implements OrmTransactions {
  readonly #db: TransactionalDatabase;
  readonly #now: (() => number) | undefined;

  /** @param now see `ConnectionOptions` */
  constructor(db: object, now: (() => number) | undefined) {
    this.#db = db as TransactionalDatabase;
    this.#now = now;
  }

  begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    return this.#db.transaction(async (tx) => {
      hear(clientOf(tx));
      return work(tx);
    });
  }

  runnerOf(tx: unknown): ScriptRunner {
    const send = sendOver(clientOf(tx));
    return { run: (script) => new PostgresSession({ send, now: this.#now }).run(script()) };
  }
}

function hear(client: PgClient): void {
  if (heard.has(client)) return;
  heard.add(client);
  // The statement that is under way, or the next one, fails by it.
  client.on('error', () => {});
}

/** The client that a transaction runs on. */
function clientOf(tx: unknown): PgClient {
  const client = sessionClientOf(tx);
  if (isClient(client)) return client;
  throw new NotATransactionError(receivedInsteadOf(tx));
}

function isClient(value: unknown): value is PgClient {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'query') === 'function' && !('totalCount' in value);
}
