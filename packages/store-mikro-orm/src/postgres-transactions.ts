/**
 * MikroORM's transactions on PostgreSQL. Those of `ctx.transaction` run on a client that is taken from MikroORM's pool here,
 * and lent to a second driver of it: so one whose state nobody knows goes back to be thrown away. MikroORM itself would
 * keep it for ever, and the pool would have one client less.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  lendClient,
  type MaybePromise,
  type OrmTransactions,
  type PgClient,
  type PgPool,
  type PgSend,
  PostgresSession,
  plainTypes,
  type ScriptRunner,
} from '@dudousxd/nestjs-durable-store-sql';
import { SecondDriver } from './second-driver.js';
import {
  hasEnded,
  type KyselyTransaction,
  requireOpen,
  type TransactionalEntityManager,
} from './transaction-handle.js';

/** The client of a transaction that is about to begin. */
class Loan {
  readonly #client: PgClient;
  readonly #release: PgClient['release'];
  #isTaken = false;

  constructor(client: PgClient) {
    this.#client = client;
    this.#release = client.release.bind(client);
    // Kysely gives it back when its transaction has ended; here it is decided how.
    client.release = () => undefined;
  }

  take(): PgClient | undefined {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    return this.#client;
  }

  /** @param isKnown whether no transaction is open on it */
  end(isKnown: boolean): void {
    this.#release(!isKnown);
  }
}

const loans = new AsyncLocalStorage<Loan>();

/** Kysely wants a node for each statement; only its plugins look at it. */
const RAW = { kind: 'RawNode', sqlFragments: [], parameters: [] };

export class PostgresTransactions implements OrmTransactions<TransactionalEntityManager> {
  readonly #em: TransactionalEntityManager;
  readonly #connect: () => Promise<PgPool>;
  readonly #now: (() => number) | undefined;
  #second: Promise<SecondDriver> | undefined;

  /**
   * @param connect gives MikroORM's pool
   * @param now see `ConnectionOptions`
   */
  constructor(
    em: TransactionalEntityManager,
    connect: () => Promise<PgPool>,
    now: (() => number) | undefined,
  ) {
    this.#em = em;
    this.#connect = connect;
    this.#now = now;
  }

  async begin<T>(work: (tx: TransactionalEntityManager) => MaybePromise<T>): Promise<T> {
    const pool = await this.#connect();
    const em = (await this.#connected(pool)).fork(this.#em);
    const loan = new Loan(await lendClient(pool));
    let kysely: KyselyTransaction | undefined;
    let isKnown = false;
    try {
      return await loans.run(loan, () =>
        em.transactional((tx) => {
          kysely = tx.getTransactionContext();
          return Promise.resolve(work(tx));
        }),
      );
    } finally {
      isKnown = kysely !== undefined && hasEnded(kysely);
      loan.end(isKnown);
    }
  }

  flush(tx: TransactionalEntityManager): Promise<void> {
    return tx.flush();
  }

  runnerOf(tx: unknown): ScriptRunner {
    const { kysely } = requireOpen(tx, this.#em);
    const send: PgSend = (text, values = []) => {
      requireOpen(tx, this.#em);
      // The text goes to the client as it is, and a client of pg also takes it with the types of its result.
      const sql = { text, types: plainTypes };
      return kysely.executeQuery({ sql, parameters: values, query: RAW, queryId: {} });
    };
    return { run: (script) => new PostgresSession({ send, now: this.#now }).run(script()) };
  }

  async close(): Promise<void> {
    await (await this.#second)?.close();
  }

  #connected(pool: PgPool): Promise<SecondDriver> {
    this.#second ??= openOver(this.#em, pool).catch((error: unknown) => {
      this.#second = undefined;
      throw error;
    });
    return this.#second;
  }
}

/** A driver whose own pool stays empty: it lends the clients of MikroORM's. */
async function openOver(em: TransactionalEntityManager, pool: PgPool): Promise<SecondDriver> {
  const second = await SecondDriver.open(em, {});
  const lender = (await second.connection.getNativeClient()) as Pick<PgPool, 'connect'>;
  lender.connect = async () => loans.getStore()?.take() ?? lendClient(pool);
  return second;
}
