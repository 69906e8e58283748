/**
 * MikroORM's transactions on MySQL and MariaDB. Those of `ctx.transaction` run on a connection that is taken from MikroORM's
 * pool here, and lent to a second driver of it: so one whose state nobody knows is closed, and does not go to whoever asks
 * next.
 */
import {
  type BodyConnection,
  lendMySqlConnection,
  type MaybePromise,
  MySqlScripts,
  type MySqlSend,
  type Mysql2Connection,
  type Mysql2Pool,
  mysql2Query,
  type OrmTransactions,
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

const loans = createLoans<Mysql2Connection>();

/** Kysely wants a node for each statement; only its plugins look at it. */
const RAW = { kind: 'RawNode', sqlFragments: [], parameters: [] };

export class MySqlTransactions implements OrmTransactions<TransactionalEntityManager> {
  readonly #em: TransactionalEntityManager;
  readonly #connect: () => Promise<Mysql2Pool>;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<TransactionalEntityManager, BodyConnection>();
  #second: Promise<SecondDriver> | undefined;

  /**
   * @param connect gives MikroORM's pool
   * @param now see `ConnectionOptions`
   */
  constructor(
    em: TransactionalEntityManager,
    connect: () => Promise<Mysql2Pool>,
    now: (() => number) | undefined,
  ) {
    this.#em = em;
    this.#connect = connect;
    this.#now = now;
  }

  async begin<T>(work: (tx: TransactionalEntityManager) => MaybePromise<T>): Promise<T> {
    const pool = await this.#connect();
    const em = (await this.#connected(pool)).fork(this.#em);
    const body = await lendMySqlConnection(pool);
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
      await body.end(kysely !== undefined && hasEnded(kysely));
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
    const send: MySqlSend = async (text, values = []) => {
      requireOpen(tx, this.#em);
      // The text goes to the connection as it is, and one of mysql2 also takes it with the form of its answer.
      const query = { sql: mysql2Query(text), parameters: values, query: RAW, queryId: {} };
      return (await kysely.executeQuery(query)).rows as Awaited<ReturnType<MySqlSend>>;
    };
    return new MySqlScripts({ send, now: this.#now });
  }

  async close(): Promise<void> {
    await (await this.#second)?.close();
  }

  #connected(pool: Mysql2Pool): Promise<SecondDriver> {
    this.#second ??= openOver(this.#em, pool).catch((error: unknown) => {
      this.#second = undefined;
      throw error;
    });
    return this.#second;
  }
}

/** A driver whose own pool stays empty: it lends the connections of MikroORM's. */
async function openOver(em: TransactionalEntityManager, pool: Mysql2Pool): Promise<SecondDriver> {
  const second = await SecondDriver.open(em, {});
  const lender = (await second.connection.getNativeClient()) as Pick<Mysql2Pool, 'getConnection'>;
  lender.getConnection = (callback) => {
    const lent = loans.getStore()?.take();
    if (lent === undefined) pool.getConnection(callback);
    else callback(null, lent);
  };
  return second;
}
