/**
 * TypeORM's transactions on MySQL and MariaDB. Those of `ctx.transaction` have a QueryRunner that is made here, on a
 * connection that is taken from the pool here, so that one whose state nobody knows is closed, and does not go to whoever
 * asks next.
 */
import {
  type BodyConnection,
  lendMySqlConnection,
  type MaybePromise,
  MySqlScripts,
  type MySqlSend,
  type Mysql2Connection,
  type Mysql2Pool,
  NotATransactionError,
  type OrmTransactions,
  type ScriptRunner,
  sendOverMysql2,
} from '@dudousxd/nestjs-durable-store-sql';
import {
  openRunnerOf,
  type TransactionalDataSource,
  type TypeOrmQueryRunner,
} from './transaction-handle.js';

export class MySqlTransactions implements OrmTransactions {
  readonly #source: TransactionalDataSource;
  readonly #connect: () => Promise<Mysql2Pool>;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<object, BodyConnection>();

  /**
   * @param connect gives the DataSource's pool
   * @param now see `ConnectionOptions`
   */
  constructor(
    source: TransactionalDataSource,
    connect: () => Promise<Mysql2Pool>,
    now: (() => number) | undefined,
  ) {
    this.#source = source;
    this.#connect = connect;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const body = await lendMySqlConnection(await this.#connect());
    const runner = this.#source.createQueryRunner();
    // A QueryRunner takes a connection from the pool when it has none.
    Reflect.set(runner, 'databaseConnection', body.guarded);
    this.#bodies.set(runner, body);
    const { guard } = body;
    let isKnown = false;
    try {
      const result = await runner.manager.transaction((tx) => guard.run(() => work(tx)));
      isKnown = true;
      return result;
    } catch (error) {
      // TypeORM says nothing of a ROLLBACK that failed, but then it takes its transaction for open.
      isKnown = guard.isOfWork(error) && !runner.isTransactionActive;
      throw error;
    } finally {
      await runner.release();
      await body.end(isKnown);
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    // The function may have ended the transaction, which the last statements find.
    const body = this.#bodies.get(Object(tx).queryRunner);
    return body ? body.seal(transaction, this.#now) : this.runnerOf(tx);
  }

  runnerOf(tx: unknown): ScriptRunner {
    const runner = openRunnerOf(tx, [this.#source]);
    const send: MySqlSend = async (text, values) => {
      const connection = (await runner.connect()) as Mysql2Connection;
      requireOpen(runner);
      return sendOverMysql2(connection)(text, values);
    };
    return new MySqlScripts({ send, now: this.#now });
  }
}

/** A call that nobody has awaited may outlive its transaction: then the connection is somebody else's. */
function requireOpen(runner: TypeOrmQueryRunner): void {
  if (runner.isTransactionActive && !runner.isReleased) return;
  const todo = 'Await the call inside the function of the transaction.';
  throw new NotATransactionError({ received: 'one that has ended', todo });
}
