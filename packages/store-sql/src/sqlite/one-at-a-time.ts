/** For a handle that has one transaction at a time, while the work in it is asynchronous. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs the work when all that came before it has ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
