/**
 * A connection of `mysql2` for one `ctx.transaction`: what the ORM has of it, and what the store has.
 *
 * On MySQL and MariaDB a deadlock rolls back the whole transaction, and a statement such as ALTER TABLE commits it. What the
 * function sends after that would be written at once, each statement by itself: it is refused.
 */
import { NotATransactionError, TransactionBrokenError } from '../errors.js';
import {
  type MySqlConnection,
  type MySqlSend,
  type Mysql2Connection,
  sendOverMysql2,
} from '../mysql/driver.js';
import { isRetryable } from '../mysql/failures.js';
import { MySqlScripts } from '../mysql/mysql-scripts.js';
import type { ScriptRunner } from '../sql/orm-transactions.js';
import { BodyGuard } from './body-guard.js';

/** Of the status that the server sends with the answer to a statement without rows. */
const IN_TRANSACTION = 1;

type Callback = (error: unknown, ...answer: unknown[]) => void;

export class BodyConnection {
  readonly guard = new BodyGuard();
  /** For the ORM: the connection, but for its statements, which are guarded, and for its release, which is not the ORM's. */
  readonly guarded: Mysql2Connection;
  readonly #native: object;
  readonly #connection: MySqlConnection;
  readonly #send: MySqlSend;
  #hasBegun = false;
  /** Why the transaction is gone before its end. */
  #lost: { readonly cause: unknown } | undefined;

  /** @param connection of `mysql2`, in no transaction */
  constructor(connection: MySqlConnection) {
    this.#connection = connection;
    this.#native = connection.native;
    this.#send = sendOverMysql2(connection.native as Mysql2Connection);
    const own: Readonly<Record<PropertyKey, unknown>> = {
      query: (...args: unknown[]) => this.#pass('query', args),
      execute: (...args: unknown[]) => this.#pass('execute', args),
      release: () => undefined,
    };
    this.guarded = new Proxy(this.#native, {
      get: (native, key) => (key in own ? own[key] : Reflect.get(native, key, native)),
    }) as Mysql2Connection;
  }

  /**
   * The function is done: see `OrmTransactions.seal`.
   *
   * @param now see `ConnectionOptions`
   */
  seal(transaction: string, now: (() => number) | undefined): ScriptRunner {
    if (this.#lost) throw new TransactionBrokenError({ transaction, cause: this.#lost.cause });
    this.guard.seal(transaction);
    return new MySqlScripts({ send: this.#send, now });
  }

  /**
   * The transaction has ended, whatever became of it: gives the connection back to the pool.
   *
   * @param isKnown whether no transaction is open on it; else it is closed
   */
  async end(isKnown: boolean): Promise<void> {
    this.guard.close();
    if (isKnown) await this.#connection.release();
    else this.#connection.destroy();
  }

  #pass(name: 'query' | 'execute', args: unknown[]): unknown {
    const text = textOf(args[0]);
    try {
      if (this.#lost && !/^rollback$/i.test(text)) throw refusalAfter(this.#lost);
      this.guard.pass(text);
    } catch (error) {
      return refuse(args, error);
    }
    const callback = args.at(-1);
    const watched = isCallback(callback) ? [...args.slice(0, -1), this.#watch(callback)] : args;
    return Reflect.apply(Reflect.get(this.#native, name), this.#native, watched);
  }

  #watch(callback: Callback): Callback {
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.guard.during(promise);
    return (error, ...answer) => {
      resolve();
      if (isRetryable(error)) this.#lost ??= { cause: error };
      else if (!error) this.#look(answer[0]);
      callback(error, ...answer);
    };
  }

  #look(answer: unknown): void {
    const status: unknown =
      typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'serverStatus') : null;
    if (typeof status !== 'number') return;
    if ((status & IN_TRANSACTION) !== 0) this.#hasBegun = true;
    // At its end, nobody asks any more.
    else if (this.#hasBegun) this.#lost ??= { cause: new Error('a statement has ended it') };
  }
}

function textOf(query: unknown): string {
  const text = typeof query === 'object' && query !== null ? Reflect.get(query, 'sql') : query;
  return typeof text === 'string' ? text : '';
}

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function';
}

function refusalAfter(lost: { readonly cause: unknown }): NotATransactionError {
  const todo = 'Let the errors of its statements go through, and send none that commits.';
  return new NotATransactionError({ received: 'one that has ended', todo, ...lost });
}

/** Answers as the driver does: by a callback where there is one. */
function refuse(args: unknown[], error: unknown): void {
  const callback = args.at(-1);
  if (!isCallback(callback)) throw error;
  process.nextTick(callback, error);
}
