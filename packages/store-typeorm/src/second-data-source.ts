/** A second DataSource on the file of another: for transactions that nothing else of the application may get into. */
import {
  fileOf,
  isSqliteDriver,
  type SqliteDriver,
  setUpAgain,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';
import type { TransactionalDataSource, TypeOrmQueryRunner } from './transaction-handle.js';

interface DataSource extends TransactionalDataSource {
  readonly subscribers: unknown;
  initialize(): Promise<unknown>;
  destroy(): Promise<void>;
}

type DataSourceClass = new (options: object) => DataSource;

/** What the second one must not do: make tables, run migrations, drop anything, keep results, make subscribers. */
const PASSIVE = {
  ...{ synchronize: false, migrationsRun: false, dropSchema: false, cache: false },
  ...{ migrations: [], subscribers: [], fileMustExist: true },
};

/** The driver's handle below a DataSource on better-sqlite3. */
export function sqliteHandleOf(source: TransactionalDataSource): SqliteDriver {
  const handle: unknown = Reflect.get(source.driver, 'databaseConnection');
  if (isSqliteDriver(handle)) return handle;
  const todo = 'Call `await dataSource.initialize()` before the application starts.';
  throw new UnsupportedHandleError({ received: 'a DataSource that is not initialized', todo });
}

export class SecondDataSource {
  readonly source: DataSource;
  readonly handle: SqliteDriver;

  private constructor(source: DataSource) {
    this.source = source;
    this.handle = sqliteHandleOf(source);
  }

  /** Opens the file of `first` again, with the same entities and subscribers. It never waits for locks. */
  static async open(first: TransactionalDataSource): Promise<SecondDataSource> {
    const shared = sqliteHandleOf(first);
    const database = fileOf(shared);
    if (database === '') {
      const todo =
        'Use a database file: ctx.transaction needs a second connection to the database.';
      throw new UnsupportedHandleError({ received: 'a database in memory', todo });
    }
    const DataSource = classOf(first);
    const source = new DataSource({ ...first.options, ...PASSIVE, database });
    await source.initialize();
    Object.assign(source, { subscribers: Reflect.get(first, 'subscribers') });
    try {
      const second = new SecondDataSource(source);
      setUpAgain(shared, second.handle);
      return second;
    } catch (error) {
      await source.destroy();
      throw error;
    }
  }

  /**
   * TypeORM has one QueryRunner for a SQLite handle: here each transaction has its own.
   *
   * @param handle what its statements go to
   */
  createRunner(handle: SqliteDriver): TypeOrmQueryRunner {
    Reflect.set(this.source.driver, 'queryRunner', undefined);
    return Object.assign(this.source.createQueryRunner(), { connect: async () => handle });
  }

  /** Whatever still has the runner cannot use it any more. */
  retire(runner: TypeOrmQueryRunner): void {
    Reflect.set(runner, 'isReleased', true);
    Reflect.set(this.source.driver, 'queryRunner', undefined);
  }

  async close(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}

/** TypeORM's own class: that of the application may take no options. */
function classOf(source: object): DataSourceClass {
  let prototype: object = Object.getPrototypeOf(source);
  for (;;) {
    const parent: unknown = Object.getPrototypeOf(prototype);
    if (typeof parent !== 'object' || parent === null || parent === Object.prototype) break;
    prototype = parent;
  }
  return prototype.constructor as DataSourceClass;
}
