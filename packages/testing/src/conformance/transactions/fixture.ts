import type { StateStore } from '@dudousxd/nestjs-durable-core';
import type { StatementFault } from '../store/fixture.js';

/** One store under test with the ORM that it shares transactions with, on an empty database of their own. */
export interface TransactionFixture {
  /** Migrated by the suite. */
  readonly store: StateStore;
  /** Another store on the same database, as another process has it. Closed by `dispose`. */
  secondStore(): Promise<StateStore>;
  /** What the application has in hand outside a transaction: the store has to refuse it in place of one. */
  readonly root: unknown;
  /** Whether the ORM's transaction functions have to be synchronous with this driver. */
  readonly synchronous: boolean;
  /** Whether nobody else can write to the database while a transaction is open that has written. */
  readonly oneWriter: boolean;
  /** A transaction of the application itself, with the ORM's own API. */
  begin<T>(work: (tx: unknown) => T | Promise<T>): Promise<T>;
  /** A transaction inside `tx`, with the ORM's own API; absent where `synchronous`. */
  nest?<T>(tx: unknown, work: (inner: unknown) => Promise<T>): Promise<T>;
  /**
   * Inserts a row with the ORM, into a table of the application whose one key is `id`; rejects, or throws, where there is
   * such a row.
   */
  insert(tx: unknown, id: string): void | Promise<void>;
  /** The committed ids of that table, sorted. */
  rows(): Promise<readonly string[]>;
  /**
   * Leaves a transaction open on a connection of the ORM's pool that has inserted this row; absent where transactions of
   * the store have connections of their own. All later ones of the pool's get that connection first.
   */
  leaveOpen?(id: string, more?: string): Promise<void>;
  /** See `StoreFixture`: over all connections of the store and of the ORM in this process. */
  failAfterStatements?(n: number): StatementFault;
  /** Has the next COMMIT executed, of the store or of the ORM, and breaks the connection in place of the answer. */
  loseCommit?(): StatementFault;
  /** Closes the handles and removes the data. */
  dispose(): Promise<void>;
}

/** Makes fixtures for the suite. */
export interface TransactionFactory {
  create(): Promise<TransactionFixture>;
}

/** Does one thing after the other, at once where all of them are synchronous, as a body has to be on some drivers. */
export function inOrder<T>(steps: readonly (() => unknown)[], result: T): T | Promise<T> {
  for (const [index, step] of steps.entries()) {
    const done = step();
    if (done instanceof Promise) return done.then(() => inOrder(steps.slice(index + 1), result));
  }
  return result;
}
