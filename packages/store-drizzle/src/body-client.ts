/**
 * The client as the function of a `ctx.transaction` has it. What the function has not awaited may come when it is done:
 * a ROLLBACK TO that takes the checkpoint back while the rest is committed, or a statement in the transaction of whoever
 * has the client then. From its end on, only the end of the transaction gets through.
 */
import {
  NotATransactionError,
  type PgClient,
  TransactionBrokenError,
} from '@dudousxd/nestjs-durable-store-sql';

type Query = PgClient['query'];

export class BodyClient {
  /** For the store's own statements. */
  readonly native: PgClient;
  #isSealed = false;
  #isOver = false;
  /** Savepoints of nested transactions that are open. */
  #open = 0;

  constructor(native: PgClient) {
    this.native = native;
  }

  /** As the ORM calls it. */
  query(...args: Parameters<Query>): ReturnType<Query> {
    const [query] = args;
    const text: string = typeof query === 'string' ? query : query.text;
    const isEnd = /^(commit|rollback)$/i.test(text);
    if (this.#isOver || (this.#isSealed && !isEnd)) {
      const todo = 'Await everything inside the function of the transaction.';
      return Promise.reject(new NotATransactionError({ received: 'one that has ended', todo }));
    }
    // What is queued behind it would be a transaction of its own.
    if (isEnd) this.#isSealed = true;
    if (/^savepoint /i.test(text)) this.#open += 1;
    else if (/^(release|rollback to) savepoint /i.test(text)) this.#open -= 1;
    return this.native.query(...args);
  }

  /**
   * The function is done.
   *
   * @throws TransactionBrokenError where it has left a nested transaction open
   */
  seal(transaction: string): void {
    this.#isSealed = true;
    if (this.#open <= 0) return;
    const cause = new Error('a nested transaction, or a call with it, was still open: await it');
    throw new TransactionBrokenError({ transaction, cause });
  }

  /** The transaction has ended: the client is somebody else's. */
  close(): void {
    this.#isOver = true;
  }
}
