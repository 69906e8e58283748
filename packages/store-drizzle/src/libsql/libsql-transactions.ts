/**
 * Drizzle's transactions on a libSQL file. Those of `ctx.transaction` run one after the other on a client of their own,
 * with one connection that is durable. After anything but an acknowledged COMMIT or ROLLBACK that client is thrown away:
 * a connection that has found the database locked refuses every later COMMIT, and its file stays open until its garbage is
 * collected. So a handle that does not mind asks for the lock first.
 */
import {
  AsyncSqliteSession,
  BodyGuard,
  type MaybePromise,
  NotATransactionError,
  OneAtATime,
  type OrmTransactions,
  type Params,
  type ScriptRunner,
  type SqliteAnswer,
  StoreClosedError,
} from '@dudousxd/nestjs-durable-store-sql';
import {
  receivedInsteadOf,
  sessionClientOf,
  sessionOfTransaction,
  sessionOn,
} from '../transaction-handle.js';
import { BodyTransaction } from './body-transaction.js';
import { isLibSqlTransaction, type LibSqlClient, type LibSqlTransaction } from './client.js';
import { type LibSqlHandle, withoutNul } from './handle.js';
import { type LocalFile, openClient, openHandle } from './local-file.js';

export interface LibSqlTransactionsOptions {
  /** Drizzle's database. */
  readonly db: { readonly $client: unknown };
  /** Looks at the file below it. Is asked once, again where that has failed. */
  readonly look: () => Promise<LocalFile>;
  /** See `ConnectionOptions`. */
  readonly now: (() => number) | undefined;
}

export class LibSqlTransactions implements OrmTransactions {
  readonly #options: LibSqlTransactionsOptions;
  readonly #line = new OneAtATime();
  #file: LocalFile | undefined;
  #own: LibSqlClient | undefined;
  #probe: LibSqlHandle | undefined;
  /** The one on the own client. */
  #body: BodyTransaction | undefined;
  #isClosed = false;

  constructor(options: LibSqlTransactionsOptions) {
    this.#options = options;
  }

  begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    return this.#line.run(() => this.#transaction(work));
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    const body = this.#body;
    // One that the body has ended by hand is found out by the first statement.
    if (body === undefined || openOn(tx) !== body) return this.runnerOf(tx);
    body.guard.seal(transaction);
    return this.#runnerOn(body.native);
  }

  runnerOf(tx: unknown): ScriptRunner {
    return this.#runnerOn(this.#openOf(tx));
  }

  /** Closes the client that it has opened. A transaction that is still open on it is rolled back. */
  close(): void {
    this.#isClosed = true;
    this.#discard();
    this.#closeProbe();
  }

  async #transaction<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const own = await this.#connected();
    const guard = new BodyGuard();
    const lender = { transaction: () => this.#beginOn(own, guard) };
    try {
      return await sessionOn(this.#options.db, lender).transaction((tx) =>
        guard.run(() => work(tx)),
      );
    } catch (error) {
      // Where the ROLLBACK failed too, Drizzle throws the error of that.
      throw guard.failure === null ? error : guard.failure.error;
    } finally {
      guard.close();
      if (!this.#body?.hasEnded) this.#discard();
      this.#body = undefined;
    }
  }

  async #beginOn(own: LibSqlClient, guard: BodyGuard): Promise<BodyTransaction> {
    this.#requireUnlocked();
    const body = new BodyTransaction(await own.transaction('write'), guard);
    this.#body = body;
    return body;
  }

  async #connected(): Promise<LibSqlClient> {
    if (this.#isClosed) throw new StoreClosedError();
    this.#file ??= await this.#options.look();
    this.#own ??= await openClient(this.#file);
    if (!this.#isClosed) {
      this.#probe ??= openHandle(this.#file);
      return this.#own;
    }
    this.#discard();
    throw new StoreClosedError();
  }

  /** @throws with the code `SQLITE_BUSY` while another connection writes */
  #requireUnlocked(): void {
    this.#probe?.exec('begin immediate');
    try {
      this.#probe?.exec('rollback');
    } catch (error) {
      this.#closeProbe();
      throw error;
    }
  }

  #closeProbe(): void {
    this.#probe?.close();
    this.#probe = undefined;
  }

  /**
   * A connection that is closed in a transaction keeps its lock until its statements are collected as garbage: so a
   * ROLLBACK comes first, which is done when the call returns. Where it fails, nothing better is left than to close.
   */
  #discard(): void {
    const own = this.#own;
    this.#own = undefined;
    this.#body?.native.rollback().catch(ignore);
    own?.close();
  }

  /**
   * What an open transaction of Drizzle runs on.
   *
   * @throws NotATransactionError for anything else
   */
  #openOf(tx: unknown): LibSqlTransaction {
    const open = openOn(tx);
    if (open === undefined) throw new NotATransactionError(receivedInsteadOf(tx));
    const { todo } = receivedInsteadOf(tx);
    if (open.closed) throw new NotATransactionError({ received: 'one that has ended', todo });
    if (open === this.#body || sessionClientOf(tx) === this.#options.db.$client) return open;
    throw new NotATransactionError({ received: 'that of another database', todo });
  }

  #runnerOn(open: LibSqlTransaction): ScriptRunner {
    const send = (sql: string, args: Params): Promise<SqliteAnswer> => answerOf(open, sql, args);
    const session = new AsyncSqliteSession(send, this.#options.now);
    return { run: (script) => session.run(script()) };
  }
}

/** What a transaction of Drizzle runs on, open or not; undefined for anything else. */
function openOn(tx: unknown): LibSqlTransaction | undefined {
  const open: unknown = Reflect.get(sessionOfTransaction(tx) ?? {}, 'tx');
  return isLibSqlTransaction(open) ? open : undefined;
}

async function answerOf(
  open: LibSqlTransaction,
  sql: string,
  params: Params,
): Promise<SqliteAnswer> {
  try {
    const statement = { sql, args: withoutNul(params) };
    const { rows, rowsAffected } = await open.execute(statement as never);
    return { rows: rows.map(withNumbers), changes: rowsAffected };
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'TRANSACTION_CLOSED') throw error;
    const todo = 'Use it before its function returns.';
    throw new NotATransactionError({ received: 'one that has ended', todo, cause: error });
  }
}

/** The row, whatever the client's `intMode`. */
function withNumbers(row: object): object {
  const columns = Object.entries(row).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'bigint' ? Number(value) : value,
  ]);
  return Object.fromEntries(columns);
}

function ignore(): void {}
