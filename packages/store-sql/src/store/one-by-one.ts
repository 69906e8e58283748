import type { MaybePromise } from '../sql/maybe-promise.js';

/** The last call under way in each transaction. */
const tails = new WeakMap<object, Promise<unknown>>();

/**
 * Runs calls on one transaction of the application one after the other, also where it does not await them: their
 * savepoints have one name, and a rollback to it must not take back half of another call.
 */
export function oneByOne<T>(transaction: unknown, call: () => MaybePromise<T>): MaybePromise<T> {
  if (typeof transaction !== 'object' || transaction === null) return call();
  const before = tails.get(transaction);
  const result = before === undefined ? call() : before.then(call);
  if (!(result instanceof Promise)) return result;
  const ended = Promise.allSettled([result]).then(() => {
    if (tails.get(transaction) === ended) tails.delete(transaction);
  });
  tails.set(transaction, ended);
  return result;
}
