/**
 * MikroORM's transactions on PostgreSQL. Those of `ctx.transaction` run on a client that is taken from MikroORM's pool here,
 * and lent to a second driver of it: so one whose state nobody knows goes back to be thrown away. MikroORM itself would
 * keep it for ever, and the pool would have one client less.
 */
import {
  BodyClient,
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
import { createLoans, Loan } from './loan.js';
import { SecondDriver } from './second-driver.js';
import {
  hasEnded,
  type KyselyTransaction,
  requireOpen,
  type TransactionalEntityManager,
} from './transaction-handle.js';

const loans = createLoans<PgClient>();

/** Kysely wants a node for each statement; only its plugins look at it. */
const RAW = { kind: 'RawNode', sqlFragments: [], parameters: [] };

export class PostgresTransactions implements OrmTransactions<TransactionalEntityManager> {
  readonly #em: TransactionalEntityManager;
  readonly #connect: () => Promise<PgPool>;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<TransactionalEntityManager, BodyClient>();
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
    const client = await lendClient(pool);
    const body = new BodyClient(client);
    let kysely: KyselyTransaction | undefined;
    try {
      return await loans.run(new Loan(body.guarded), () =>
        em.transactional((tx) => {
          kysely = tx.getTransactionContext();
          this.#bodies.set(tx, body);
          return body.guard.run(() => work(tx));
        }),
      );
    } finally {
      body.guard.close();
      const isKnown = kysely !== undefined && hasEnded(kysely);
      client.release(!isKnown);
    }
  }

  flush(tx: TransactionalEntityManager): Promise<void> {
    return tx.flush();
  }

  seal(tx: TransactionalEntityManager, transaction: string): ScriptRunner {
    return this.#bodies.get(tx)?.seal(transaction, this.#now) ?? this.runnerOf(tx);
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
