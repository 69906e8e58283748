/** Savepoints of ours inside transactions of others. */
import { BEGIN_MARK } from '../body/body-guard.js';
import { NotATransactionError, TransactionBrokenError } from '../errors.js';
import { conflictOf } from '../sql/conflict.js';
import type { SqlExecutor } from '../sql/executor.js';
import { andThen, type MaybePromise, orElse } from '../sql/maybe-promise.js';
import type { ScriptRunner } from '../sql/orm-transactions.js';
import { define, type Script } from '../sql/script.js';

/** Shows that a transaction is open and whole, where the database refuses stray ones. */
const END = 'durable_end';
/** Around one call. */
const CALL = 'durable_call';
/** Written otherwise than by any ORM, which would have the savepoint end by it. */
const IS_OPEN = `rollback work to savepoint ${CALL}`;

const OPEN_ONE =
  "Call it inside the transaction's function, with the object that this function gets, and await it there.";

function text(runner: ScriptRunner, statement: string): MaybePromise<void> {
  return runner.run(() => define(statement));
}

/**
 * Marks the begin of a transaction, before anything else happens in it. Not where that is not needed: the user's code may
 * want to set the isolation level, which has to come first.
 */
export function markBegin(runner: ScriptRunner, { dialect }: SqlExecutor): MaybePromise<void> {
  return dialect.refusesStraySavepoints ? undefined : text(runner, `savepoint ${BEGIN_MARK}`);
}

/**
 * Makes sure that the transaction is still the one that was begun, and can still write.
 *
 * @throws TransactionBrokenError if it is not; the error itself where the database is gone or asks for another try
 */
export function requireUnbroken(
  runner: ScriptRunner,
  transaction: string,
  executor: SqlExecutor,
): MaybePromise<void> {
  const isWhole = executor.dialect.refusesStraySavepoints
    ? `savepoint ${END}`
    : `release savepoint ${BEGIN_MARK}`;
  return orElse(
    () => text(runner, isWhole),
    (error) => {
      if (conflictOf(error) !== null || executor.classify(error) === 'unavailable') throw error;
      throw new TransactionBrokenError({ transaction, cause: error });
    },
  );
}

/**
 * Runs a script inside an open transaction so that its failure leaves the transaction as it was.
 *
 * @throws NotATransactionError where none is open
 */
export function runGuarded<T>(
  runner: ScriptRunner,
  { dialect }: SqlExecutor,
  script: () => Script<T>,
): MaybePromise<T> {
  const opened = orElse(
    () =>
      andThen(text(runner, `savepoint ${CALL}`), () =>
        // Nothing has been done since: this only shows that it is there.
        dialect.acceptsStraySavepoints ? text(runner, IS_OPEN) : undefined,
      ),
    (error) => {
      if (!isOutside(error)) throw error;
      throw new NotATransactionError({
        received: 'one that has ended',
        todo: OPEN_ONE,
        cause: error,
      });
    },
  );
  return andThen(opened, () =>
    andThen(
      orElse(
        () => runner.run(script),
        (error) => undo(runner, error),
      ),
      (result) => andThen(text(runner, `release savepoint ${CALL}`), () => result),
    ),
  );
}

/** The script's own error is what the caller has to know, whatever becomes of the savepoint. */
function undo(runner: ScriptRunner, cause: unknown): MaybePromise<never> {
  const rethrow = (): never => {
    throw cause;
  };
  return andThen(
    orElse(() => text(runner, `rollback to savepoint ${CALL}`), rethrow),
    rethrow,
  );
}

/** PostgreSQL: a savepoint outside a transaction block. MySQL and MariaDB: there is no such savepoint. */
function isOutside(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  return Reflect.get(error, 'code') === '25P01' || Reflect.get(error, 'errno') === 1305;
}
