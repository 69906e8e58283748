/** Connections that always answer: one that does not is closed, and the wait for it ends with an error. */
import type { SqlValue } from '../sql/statement.js';
import type { MySqlConnection, MySqlPool, Row } from './driver.js';
import { NoAnswerError } from './failures.js';

/** A connection with a time limit for each of its statements, on the client's clock. */
export class BoundedConnection implements MySqlConnection {
  readonly #connection: MySqlConnection;
  readonly #limitMs: number;

  constructor(connection: MySqlConnection, limitMs: number) {
    this.#connection = connection;
    this.#limitMs = limitMs;
  }

  get native(): object {
    return this.#connection.native;
  }

  send(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]> {
    return within(this.#connection.send(text, values), this.#limitMs, () => this.destroy());
  }

  release(): Promise<void> {
    return within(this.#connection.release(), this.#limitMs, () => this.destroy());
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** A connection of the pool. One that comes too late goes straight back. @throws NoAnswerError after the limit */
export function connectWithin(pool: MySqlPool, limitMs: number): Promise<BoundedConnection> {
  const connecting = pool.connect().then((it) => new BoundedConnection(it, limitMs));
  return within(connecting, limitMs, () => {
    connecting.then(
      (connection) => connection.release(),
      // It has failed after nobody waited for it any more.
      () => undefined,
    );
  });
}

function within<T>(work: Promise<T>, limitMs: number, giveUp: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      giveUp();
      reject(new NoAnswerError(limitMs));
    }, limitMs);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    work.then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    );
  });
}
