/**
 * Clients of the application's pool. One may come with a transaction that the application has left open, as after an error
 * between BEGIN and the release: a statement on it would be answered and not be durable, and a COMMIT of ours would commit
 * what others believe to be gone.
 */
import type { PgClient, PgPool } from './driver.js';

const TIMEOUT_MS = 5_000;

/** A client without an open transaction. Those that have one are thrown away: the server rolls back. */
export async function lendClient(pool: PgPool): Promise<PgClient> {
  for (;;) {
    const client = await pool.connect();
    if (await isIdle(client)) return client;
    client.release(true);
  }
}

/** Whether no transaction is open on a client that a pool has just lent. */
export async function isIdle(client: PgClient): Promise<boolean> {
  if (!hasTransaction(client)) return true;
  // Its end may be under way, where nobody has awaited it.
  await client.query({ text: 'select 1', query_timeout: TIMEOUT_MS }).catch(ignore);
  return !hasTransaction(client);
}

function hasTransaction(client: PgClient): boolean {
  const status = client.getTransactionStatus?.();
  return status === 'T' || status === 'E';
}

function ignore(): void {}
