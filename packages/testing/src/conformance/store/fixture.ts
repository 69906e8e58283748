import type { StateStore } from '@dudousxd/nestjs-durable-core';

/** A statement that is going to fail. */
export interface StatementFault {
  /** Whether it has. */
  hasHit(): boolean;
  /** Takes the fault back, if it has not hit yet. */
  disarm(): void;
}

/** One store under test, empty, with what the suite may do to it. */
export interface StoreFixture {
  readonly store: StateStore;
  /**
   * Opens another store on the same data, as another process has it. The fixture closes it in `dispose`. Without it,
   * the concurrency tests use one handle several times.
   */
  secondHandle?(): Promise<StateStore>;
  /** Sets the clock of the store and of all its handles, in epoch milliseconds. Without it, tests of time are skipped. */
  setNow?(now: number): void | Promise<void>;
  /**
   * Lets `n` more statements of `store` through, transaction control included, and makes the next one throw instead of
   * being executed; once. Only for stores that issue statements: see `injectsFaults`.
   */
  failAfterStatements?(n: number): StatementFault;
  /**
   * Resolves when the database has ended what connections have left behind that the store has given up. What it has not
   * ended is locked, and a look passes over it.
   */
  whenSettled?(): Promise<void>;
  /** Closes the handles and removes the data. */
  dispose(): Promise<void>;
}

/** Makes stores for the suite. */
export interface StoreFactory {
  /** A fresh, empty store for one test. `migrate` has not been called. */
  create(): Promise<StoreFixture>;
  /** Whether fixtures have `failAfterStatements` and `setNow`: adds the tests of faults. @default false */
  readonly injectsFaults?: boolean;
  /**
   * Lets one statement in so many fail, and the last ones of an operation: for a store whose statements another
   * suite has gone through one by one. @default 1
   */
  readonly faultStride?: number;
  /** Random sequences of operations to compare with the model. @default 100 */
  readonly randomSequences?: number;
}
