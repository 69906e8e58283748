/** A database or broker that the tests need is not there. */
export class MissingServiceError extends Error {
  constructor(what, todo) {
    super(`${what} is missing. ${todo}`);
    this.name = 'MissingServiceError';
  }
}
