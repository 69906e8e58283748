/** One text for synchronous and asynchronous drivers: what is there at once is used at once, as a transaction may need. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with the value, now or when it comes. */
export function andThen<A, B>(
  value: MaybePromise<A>,
  next: (value: A) => MaybePromise<B>,
): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Does the work; goes on with its error where it fails, now or later. */
export function orElse<T>(
  work: () => MaybePromise<T>,
  recover: (error: unknown) => MaybePromise<T>,
): MaybePromise<T> {
  try {
    const value = work();
    return value instanceof Promise ? value.catch(recover) : value;
  } catch (error) {
    return recover(error);
  }
}
