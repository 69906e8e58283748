/** Prisma's interactive transactions on MySQL and MariaDB, as far as the store takes part in them. */
import { randomUUID } from 'node:crypto';
import {
  type MariaDbPool,
  type MaybePromise,
  MySqlScripts,
  type MySqlSend,
  NotATransactionError,
  type OrmTransactions,
  type ScriptRunner,
} from '@dudousxd/nestjs-durable-store-sql';
import { BodyClient } from './body-client.js';
import type { PrismaClientLike, RawClient } from './client.js';
import { type LentConnection, LentConnections, MARK } from './lent-connection.js';
import { readRows } from './raw-queries.js';
import { orEnded, requireTransaction } from './transaction-client.js';
import { inTransaction } from './transactions.js';

interface Body {
  readonly body: BodyClient;
  readonly connection: LentConnection;
}

export class MySqlTransactions implements OrmTransactions<RawClient> {
  readonly #client: PrismaClientLike;
  readonly #lent: LentConnections;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<RawClient, Body>();
  readonly #found = new WeakMap<RawClient, Promise<LentConnection>>();

  /**
   * @param pool the one that the client's adapter was made with
   * @param now see `ConnectionOptions`
   */
  constructor(client: PrismaClientLike, pool: MariaDbPool, now: (() => number) | undefined) {
    this.#client = client;
    this.#lent = LentConnections.of(pool);
    this.#now = now;
  }

  begin<T>(work: (tx: RawClient) => MaybePromise<T>): Promise<T> {
    const body = new BodyClient(this.#client);
    return inTransaction(body.root, async (tx) => {
      const connection = await body.asOwn(() => this.#connectionOf(tx));
      connection.guard();
      const guarded = body.guarded(tx);
      this.#found.set(guarded, Promise.resolve(connection));
      this.#bodies.set(guarded, { body, connection });
      return body.run(() => work(guarded));
    });
  }

  seal(tx: RawClient, transaction: string): ScriptRunner {
    const found = this.#bodies.get(tx);
    if (found === undefined) return this.runnerOf(tx);
    found.connection.seal(transaction);
    found.body.seal(transaction);
    return this.#runnerOver(found.connection.sendLast);
  }

  runnerOf(tx: unknown): ScriptRunner {
    const client = requireTransaction(tx);
    return this.#runnerOver(async (text, values) => {
      const connection = await this.#connectionOf(client);
      return connection.send(text, values);
    });
  }

  #runnerOver(send: MySqlSend): ScriptRunner {
    return new MySqlScripts({ send, now: this.#now });
  }

  #connectionOf(tx: RawClient): Promise<LentConnection> {
    const known = this.#found.get(tx);
    if (known) return known;
    const finding = this.#find(tx);
    this.#found.set(tx, finding);
    finding.catch(() => this.#found.delete(tx));
    return finding;
  }

  /** The one whose loan has seen a statement that Prisma was asked to send, and no one else. */
  async #find(tx: RawClient): Promise<LentConnection> {
    const mark = `select connection_id() as id /* ${MARK} ${randomUUID()} */`;
    const [row] = await orEnded(() => readRows(tx, mark, []));
    const connection = this.#lent.find(Number(row?.id));
    if (connection?.hasSeen(mark)) return connection;
    throw new NotATransactionError({
      received:
        'one on a connection that the pool of the store has not lent, or one that has ended',
      todo: 'Make the store with the pool that the adapter of this PrismaClient was made with, and before the transaction.',
    });
  }
}
