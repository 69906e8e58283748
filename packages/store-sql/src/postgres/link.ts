/** The way from the executor to a PostgreSQL: a pool of pg, or an ORM that does not let anybody below it. */
import {
  isLost,
  type PgAnswer,
  type PgClient,
  type PgPool,
  type PgSend,
  plainTypes,
  sendOver,
} from './driver.js';
import { lendClient } from './lend-client.js';
import { maxConnectionsOf, type OwnClient, ownClientsOf } from './own-client.js';
import { PreparedStatements } from './prepared.js';

/** A kind of transactions: the statement that opens one, and its level by the name that interfaces use. */
export interface TransactionKind {
  readonly begin: string;
  readonly isolationLevel: 'ReadCommitted' | 'RepeatableRead';
}

export interface PostgresLink {
  /** Makes clients beside those that are lent; null where nobody can say how. */
  readonly createClient: (() => OwnClient) | null;
  /** How many connections there are at most for the application and the store; null = not known. */
  readonly maxConnections: number | null;
  /** Sends one statement, which is a transaction of its own. Its plan may be kept under the name. */
  statement(name: string, text: string, values: unknown[]): Promise<PgAnswer>;
  /**
   * Runs the work in a transaction: committed when it resolves, rolled back when it rejects.
   *
   * @param work is given what it has to send first: `begin`, if the transaction is not open yet
   */
  transaction<T>(
    kind: TransactionKind,
    work: (send: PgSend, opening: readonly string[]) => Promise<T>,
  ): Promise<T>;
}

/** Pools whose idle clients' errors are heard: without a listener the loss of one would end the process. */
const heard = new WeakSet<PgPool>();

/** Works on clients of a pool, one for each transaction. The pool is never ended here. */
export class PoolLink implements PostgresLink {
  readonly createClient: (() => OwnClient) | null;
  readonly maxConnections: number | null;
  readonly #pool: PgPool;
  readonly #timeoutMs: number;
  readonly #prepared = new PreparedStatements();

  /** @param timeoutMs how long a statement may take, on the client's clock */
  constructor(pool: PgPool, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
    this.createClient = ownClientsOf(pool);
    this.maxConnections = maxConnectionsOf(pool);
    if (heard.has(pool)) return;
    heard.add(pool);
    // The pool has dropped the client by then, and makes a new one when it is asked for one.
    pool.on('error', ignore);
    pool.on('acquire', hear);
  }

  async statement(name: string, text: string, values: unknown[]): Promise<PgAnswer> {
    const client = await lendClient(this.#pool);
    try {
      const query = { text, values, types: plainTypes, query_timeout: this.#timeoutMs };
      const result = await this.#prepared.send(client, name, query);
      giveBack(client);
      return result;
    } catch (error) {
      giveBack(client, isLost(error) ? error : undefined);
      throw error;
    }
  }

  async transaction<T>(
    { begin }: TransactionKind,
    work: (send: PgSend, opening: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const client = await lendClient(this.#pool);
    const send = sendOver(client, this.#timeoutMs);
    try {
      const result = await work(send, [begin]);
      await send('commit');
      giveBack(client);
      return result;
    } catch (error) {
      if (isLost(error)) giveBack(client, error);
      else await rollBack(client, send);
      throw error;
    }
  }
}

/** Clients whose errors are heard for as long as they live. */
const heardClients = new WeakSet<PgClient>();

/**
 * An error that comes between two statements comes as an event; the next statement fails by it. The pool listens only
 * while a client is idle, and stops before the promise of `connect` can be heard of: an end of the connection that comes
 * in the same packet as the end of the handshake would end the process.
 */
function hear(client: PgClient): void {
  if (heardClients.has(client)) return;
  heardClients.add(client);
  client.on('error', ignore);
}

function ignore(): void {}

/** Where it cannot be rolled back, the server does it when the connection ends. */
async function rollBack(client: PgClient, send: PgSend): Promise<void> {
  try {
    await send('rollback');
    giveBack(client);
  } catch (error) {
    giveBack(client, error);
  }
}

/** Gives the client back to its pool; with an error, to be thrown away. */
function giveBack(client: PgClient, error?: unknown): void {
  if (error === undefined) client.release();
  else client.release(error instanceof Error ? error : true);
}
