/**
 * Drizzle's transactions on MySQL and MariaDB. Those of `ctx.transaction` run on a connection that is taken from the pool
 * here, so that one whose state nobody knows is closed, and does not go to whoever asks next.
 */
import {
  type BodyConnection,
  lendMySqlConnection,
  type MaybePromise,
  type MySqlDriverPool,
  MySqlScripts,
  type Mysql2Connection,
  type Mysql2Pool,
  type Mysql2PromisePool,
  NotATransactionError,
  type OrmTransactions,
  type ScriptRunner,
  sendOverMysql2,
} from '@dudousxd/nestjs-durable-store-sql';
import { receivedInsteadOf, sessionClientOf, sessionOn } from './transaction-handle.js';

/** What Drizzle works on: mysql2's connection with promises, over the one with callbacks. */
interface PromiseConnection {
  readonly connection: Mysql2Connection;
}

type WithPromises = Mysql2Connection & { promise(): PromiseConnection };

export class MySqlTransactions implements OrmTransactions {
  readonly #db: object;
  readonly #pool: Mysql2Pool | Mysql2PromisePool;
  readonly #now: (() => number) | undefined;
  /** By what the ORM has in their place. */
  readonly #bodies = new WeakMap<object, BodyConnection>();

  /**
   * @param pool of mysql2, which is the only driver that Drizzle has for these databases
   * @param now see `ConnectionOptions`
   */
  constructor(db: object, pool: MySqlDriverPool, now: (() => number) | undefined) {
    this.#db = db;
    this.#pool = pool as Mysql2Pool | Mysql2PromisePool;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const body = await lendMySqlConnection(this.#pool);
    const { guard, guarded } = body;
    this.#bodies.set(guarded, body);
    const client = (guarded as WithPromises).promise();
    let isKnown = false;
    try {
      const result = await sessionOn(this.#db, client).transaction((tx) =>
        guard.run(() => work(tx)),
      );
      isKnown = true;
      return result;
    } catch (error) {
      isKnown = guard.isOfWork(error);
      throw error;
    } finally {
      await body.end(isKnown);
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const body = this.#bodies.get(connectionOf(tx));
    return body ? body.seal(transaction, this.#now) : this.runnerOf(tx);
  }

  runnerOf(tx: unknown): ScriptRunner {
    return new MySqlScripts({ send: sendOverMysql2(connectionOf(tx)), now: this.#now });
  }
}

/** The connection that a transaction runs on. */
function connectionOf(tx: unknown): Mysql2Connection {
  const client = sessionClientOf(tx);
  if (isPromiseConnection(client)) return client.connection;
  throw new NotATransactionError(receivedInsteadOf(tx));
}

function isPromiseConnection(value: unknown): value is PromiseConnection {
  return typeof value === 'object' && value !== null && 'connection' in value && 'execute' in value;
}
