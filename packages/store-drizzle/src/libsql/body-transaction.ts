/**
 * The transaction as the function of a `ctx.transaction` has it. What the function has not awaited may come when it is
 * done: a nested transaction of which one half would be committed. From its end on, only the end of the transaction gets
 * through.
 */
import { NotATransactionError, TransactionBrokenError } from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlResult, LibSqlStatement, LibSqlTransaction } from './client.js';

export class BodyTransaction implements LibSqlTransaction {
  /** For the store's own statements. */
  readonly native: LibSqlTransaction;
  #isSealed = false;
  #hasSentCommit = false;
  #hasEnded = false;
  /** Savepoints of nested transactions that are open. */
  #open = 0;

  constructor(native: LibSqlTransaction) {
    this.native = native;
  }

  get closed(): boolean {
    return this.#isSealed || this.native.closed;
  }

  /** A COMMIT was acknowledged, or a ROLLBACK that follows none. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** As the ORM calls it. */
  execute(statement: LibSqlStatement): Promise<LibSqlResult> {
    if (this.#isSealed) {
      const todo = 'Await everything inside the function of the transaction.';
      return Promise.reject(new NotATransactionError({ received: 'one that has ended', todo }));
    }
    if (/^savepoint /i.test(statement.sql)) this.#open += 1;
    else if (/^(release|rollback to) savepoint /i.test(statement.sql)) this.#open -= 1;
    return this.native.execute(statement as never);
  }

  async commit(): Promise<void> {
    this.#isSealed = true;
    this.#hasSentCommit = true;
    await this.native.commit();
    this.#hasEnded = true;
  }

  async rollback(): Promise<void> {
    this.#isSealed = true;
    // After a COMMIT that has failed there is nothing to roll back, and it says that all is well.
    await this.native.rollback();
    this.#hasEnded = !this.#hasSentCommit;
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
}
