/**
 * TypeORM's transactions on PostgreSQL. Those of `ctx.transaction` have a QueryRunner that is made here, so that a client
 * whose state nobody knows goes back to the pool to be thrown away, and not to whoever asks next.
 */
import {
  BodyClient,
  isIdle,
  type MaybePromise,
  NotATransactionError,
  type OrmTransactions,
  type PgClient,
  PostgresSession,
  type ScriptRunner,
  sendOver,
} from '@dudousxd/nestjs-durable-store-sql';
import {
  openRunnerOf,
  type TransactionalDataSource,
  type TypeOrmQueryRunner,
} from './transaction-handle.js';

/** The QueryRunner of TypeORM's PostgreSQL driver. */
interface PostgresQueryRunner extends TypeOrmQueryRunner {
  /** What its statements go to, once it is connected. */
  databaseConnection: PgClient;
  /** With an error, the pool does not use the client again. */
  releasePostgresConnection(error?: unknown): Promise<void>;
}

export class PostgresTransactions implements OrmTransactions {
  readonly #source: TransactionalDataSource;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<TypeOrmQueryRunner, BodyClient>();

  /** @param now see `ConnectionOptions` */
  constructor(source: TransactionalDataSource, now: (() => number) | undefined) {
    this.#source = source;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const runner = await this.#connect();
    const body = new BodyClient(runner.databaseConnection);
    const { guard } = body;
    runner.databaseConnection = body.guarded;
    this.#bodies.set(runner, body);
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
      guard.close();
      const reason = isKnown ? undefined : new Error('its state is unknown');
      await runner.releasePostgresConnection(reason);
    }
  }

  seal(tx: unknown, transaction: string): ScriptRunner {
    // The function may have ended the transaction, which the last statements find.
    const body = this.#bodies.get(Object(tx).queryRunner);
    return body ? body.seal(transaction, this.#now) : this.runnerOf(tx);
  }

  runnerOf(tx: unknown): ScriptRunner {
    const runner = openRunnerOf(tx, [this.#source]);
    return {
      run: async (script) => {
        const send = sendOver((await runner.connect()) as PgClient);
        const sendInside: typeof send = (text, values) => {
          requireOpen(runner);
          return send(text, values);
        };
        return new PostgresSession({ send: sendInside, now: this.#now }).run(script());
      },
    };
  }

  /** With a client on which the application has left no transaction open. */
  async #connect(): Promise<PostgresQueryRunner> {
    for (;;) {
      const runner = this.#source.createQueryRunner() as PostgresQueryRunner;
      await runner.connect();
      if (await isIdle(runner.databaseConnection)) return runner;
      await runner.releasePostgresConnection(new Error('a transaction was left open on it'));
    }
  }
}

/** A call that nobody has awaited may outlive its transaction: then the client is somebody else's. */
function requireOpen(runner: TypeOrmQueryRunner): void {
  if (runner.isTransactionActive && !runner.isReleased) return;
  const todo = 'Await the call inside the function of the transaction.';
  throw new NotATransactionError({ received: 'one that has ended', todo });
}
