/**
 * What stands between the function of a `ctx.transaction` and the connection below its ORM. What the function has not
 * awaited may come when it is done; the rules are the same for all ORMs and databases:
 *
 * B1. While the function runs, everything passes.
 * B2. When it is done, it must have left nothing open: no nested transaction, and no call of which that can be seen.
 * B3. From then on nothing of it gets behind the checkpoint: the store's last statements do not go through here.
 * B4. Then the ORM ends the transaction. Until COMMIT its subscribers may still write, but nothing rolls back a part, and
 *     after a ROLLBACK nothing commits.
 * B5. When it has ended, the connection is somebody else's: nothing passes.
 */
import { NotATransactionError, TransactionBrokenError } from '../errors.js';
import type { MaybePromise } from '../sql/maybe-promise.js';

type State = 'running' | 'sealed' | 'committing' | 'rolling back' | 'committed' | 'over';

/** The store's own savepoint around the whole of a transaction, where it needs one. */
export const BEGIN_MARK = 'durable_begin';

const SAVEPOINT = /^savepoint\s+(\S+)/i;
const END_OF_SAVEPOINT = /^(?:release|rollback\s+to)\s+(?:savepoint\s+)?(\S+)/i;
/** Proves that there is a savepoint, which stays: see `store/savepoint.ts`. */
const PROOF_OF_SAVEPOINT = /^rollback\s+work\s+to\s/i;

export class BodyGuard {
  #state: State = 'running';
  /** Names of the open ones, the innermost last. */
  readonly #savepoints: string[] = [];
  #underWay = 0;
  #failure: { readonly error: unknown } | null = null;

  /** Runs the work of a transaction, as the ORM asks for it: what follows is the end of the transaction. */
  async run<T>(work: () => MaybePromise<T>): Promise<T> {
    try {
      const result = await work();
      this.#state = 'committing';
      return result;
    } catch (error) {
      this.#failure = { error };
      this.#state = 'rolling back';
      throw error;
    }
  }

  /** The error of the work, if it has failed. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Whether it is the error of the work, as against one of COMMIT, or of a ROLLBACK that has failed. */
  isOfWork(error: unknown): boolean {
    return this.#failure !== null && this.#failure.error === error;
  }

  /**
   * A statement is about to be sent.
   *
   * @param text of the statement; empty where only an operation of the ORM is known
   * @throws NotATransactionError when it must not be
   */
  pass(text: string): void {
    const statement = text.trimStart();
    if (this.#state === 'running') this.#note(statement);
    else this.#state = this.#afterEnd(statement);
  }

  /** A call is under way until the promise settles. */
  async during<T>(call: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await call;
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * The function is done.
   *
   * @throws TransactionBrokenError where it has left something open
   */
  seal(transaction: string): void {
    this.#state = 'sealed';
    if (this.#savepoints.length === 0 && this.#underWay === 0) return;
    const cause = new Error('a nested transaction, or a call with it, was still open: await it');
    throw new TransactionBrokenError({ transaction, cause });
  }

  /** The transaction has ended, whatever became of it. */
  close(): void {
    this.#state = 'over';
  }

  /** The state after a statement that comes when the function is done. */
  #afterEnd(statement: string): State {
    const isSavepoint = [SAVEPOINT, END_OF_SAVEPOINT, PROOF_OF_SAVEPOINT].some((kind) =>
      kind.test(statement),
    );
    const isCommit = /^commit\b/i.test(statement);
    const isRollback = !isSavepoint && /^rollback\b/i.test(statement);
    switch (this.#state) {
      case 'committing':
        if (isCommit) return 'committed';
        if (isRollback) return 'over';
        if (!isSavepoint) return 'committing';
        break;
      case 'rolling back':
      // After a COMMIT that has failed, some ORMs roll back.
      case 'committed':
        if (isRollback) return 'over';
    }
    const todo = 'Await everything inside the function of the transaction.';
    throw new NotATransactionError({ received: 'one that has ended', todo });
  }

  #note(statement: string): void {
    const [, opened] = SAVEPOINT.exec(statement) ?? [];
    if (opened !== undefined && opened !== BEGIN_MARK) this.#savepoints.push(opened);
    const [, ended] = END_OF_SAVEPOINT.exec(statement) ?? [];
    const index = ended === undefined ? -1 : this.#savepoints.lastIndexOf(ended);
    // Those inside it end with it.
    if (index >= 0) this.#savepoints.length = index;
  }
}
