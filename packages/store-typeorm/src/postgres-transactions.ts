/**
 * TypeORM's transactions on PostgreSQL. Those of `ctx.transaction` have a QueryRunner that is made here, so that a client
 * whose state nobody knows goes back to the pool to be thrown away, and not to whoever asks next.
 */
import {
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

/** The QueryRunner of TypeORM's PostgreSQL driver. With an error, the pool does not use the client again. */
interface PostgresQueryRunner extends TypeOrmQueryRunner {
  releasePostgresConnection(error?: unknown): Promise<void>;
}

export class PostgresTransactions implements OrmTransactions {
  readonly #source: TransactionalDataSource;
  readonly #now: (() => number) | undefined;

  /** @param now see `ConnectionOptions` */
  constructor(source: TransactionalDataSource, now: (() => number) | undefined) {
    this.#source = source;
    this.#now = now;
  }

  async begin<T>(work: (tx: unknown) => MaybePromise<T>): Promise<T> {
    const runner = this.#source.createQueryRunner() as PostgresQueryRunner;
    let workError: unknown;
    try {
      const result = await runner.manager.transaction(async (tx): Promise<T> => {
        try {
          return await work(tx);
        } catch (error) {
          workError = error;
          throw error;
        }
      });
      await runner.release();
      return result;
    } catch (error) {
      // TypeORM says nothing of a ROLLBACK that failed, but then it takes its transaction for open.
      const isOver = error !== undefined && error === workError && !runner.isTransactionActive;
      await runner.releasePostgresConnection(
        isOver ? undefined : new Error('its state is unknown'),
      );
      throw error;
    }
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
}

/** A call that nobody has awaited may outlive its transaction: then the client is somebody else's. */
function requireOpen(runner: TypeOrmQueryRunner): void {
  if (runner.isTransactionActive && !runner.isReleased) return;
  const todo = 'Await the call inside the function of the transaction.';
  throw new NotATransactionError({ received: 'one that has ended', todo });
}
