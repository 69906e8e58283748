/** Transactions of an application's ORM, as far as the store takes part in them. An adapter per ORM implements this. */
import type { MaybePromise } from './maybe-promise.js';
import type { Script } from './script.js';

/** Runs scripts inside a transaction that is open already, and neither commits nor rolls it back. */
export interface ScriptRunner {
  /** Of a synchronous driver: runs in one go, and throws where it fails. */
  run<T>(script: () => Script<T>): MaybePromise<T>;
}

/** @typeParam Tx the ORM's own transaction object, as it is handed to user code */
export interface OrmTransactions<Tx = unknown> {
  /**
   * Opens a transaction with the ORM's own API: commits when the work resolves, and rolls back when it rejects or throws,
   * with that same error. It resolves only when COMMIT was acknowledged. Where the ORM knows only synchronous functions,
   * work that returns a promise is rolled back and refused with `InvalidArgumentError`.
   *
   * An ORM that holds writes back (a unit of work) sends them at the latest before its COMMIT.
   */
  begin<T>(work: (tx: Tx) => MaybePromise<T>): Promise<T>;
  /**
   * Sends the writes that the ORM holds back, in a transaction that `begin` has opened; absent where it holds none. Rejects
   * with the error of the statement that failed.
   */
  flush?(tx: Tx): Promise<void>;
  /**
   * The function of a transaction that `begin` has opened is done: whatever it has left behind is refused from here on.
   * Answers with the way for the last statements; absent where the ORM sees to that itself.
   *
   * @throws TransactionBrokenError where a nested transaction is still open
   */
  seal?(tx: Tx, transaction: string): ScriptRunner;
  /**
   * Statements inside an open transaction that the application has handed over.
   *
   * @throws NotATransactionError for anything else, root handles included
   */
  runnerOf(tx: unknown): ScriptRunner;
}
