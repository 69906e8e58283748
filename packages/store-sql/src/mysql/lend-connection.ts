/**
 * Connections of the application's pool. One may come with a transaction that the application has left open, as after an
 * error between BEGIN and the release: the BEGIN of another would commit what others believe to be gone.
 */
import { BodyConnection } from '../body/body-connection.js';
import { BoundedConnection } from './bounded-connection.js';
import { type Mysql2Pool, type Mysql2PromisePool, toMySqlPool } from './driver.js';
import { isInTransaction } from './failures.js';

/** Of the one statement that is sent here, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Is refused inside a transaction, and concerns the next one alone, which is to write. */
const NEXT_WRITES = 'set transaction read write';

/**
 * A connection without an open transaction, for one transaction. One that has one is closed: the server rolls back.
 *
 * @param pool of `mysql2`
 */
export async function lendMySqlConnection(
  pool: Mysql2Pool | Mysql2PromisePool,
): Promise<BodyConnection> {
  const connections = toMySqlPool(pool);
  for (;;) {
    const connection = await connections.connect();
    try {
      await new BoundedConnection(connection, TIMEOUT_MS).send(NEXT_WRITES);
      return new BodyConnection(connection);
    } catch (error) {
      connection.destroy();
      if (!isInTransaction(error)) throw error;
    }
  }
}
