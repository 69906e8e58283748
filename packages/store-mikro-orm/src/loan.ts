/** What MikroORM's driver works on in the transaction that is about to begin: asked for by it, some calls further down. */
import { AsyncLocalStorage } from 'node:async_hooks';

export class Loan<Connection> {
  readonly #connection: Connection;
  #isTaken = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Once: what else the function asks for is not in its transaction. */
  take(): Connection | undefined {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    return this.#connection;
  }
}

/** The loans of one kind of connections. */
export type Loans<Connection> = AsyncLocalStorage<Loan<Connection>>;

export function createLoans<Connection>(): Loans<Connection> {
  return new AsyncLocalStorage();
}
