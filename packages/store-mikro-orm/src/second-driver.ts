/**
 * A second driver below the same MikroORM: its transactions have a connection of ours, and all else is the application's:
 * entities, filters, subscribers, settings.
 */
import type { SqliteDriver } from '@dudousxd/nestjs-durable-store-sql';
import type { TransactionalEntityManager } from './transaction-handle.js';

/** Kysely's way to a database. */
interface KyselyDialect {
  createDriver(): KyselyDriver;
}

interface KyselyDriver {
  init(): Promise<void>;
  acquireConnection(options?: unknown): Promise<object>;
}

type DialectClass = new (config: { readonly database: SqliteDriver }) => KyselyDialect;

/** MikroORM's `Connection`. */
export interface MikroOrmConnection {
  createKyselyDialect(options: object): KyselyDialect;
  connect(options: { readonly skipOnConnect: true }): Promise<void>;
  getNativeClient(): Promise<unknown>;
  close(force: true): Promise<void>;
}

interface Driver {
  setMetadata(metadata: object): void;
  getConnection(type: 'write'): MikroOrmConnection;
}

type DriverClass = new (config: object) => Driver;

/** A handle for the transaction that is about to begin; undefined for what has none of its own. */
export type LendHandle = () => SqliteDriver | undefined;

export class SecondDriver {
  readonly connection: MikroOrmConnection;
  readonly #driver: Driver;
  /** By Kysely's connections. */
  readonly #lent = new WeakMap<object, SqliteDriver>();

  private constructor(driver: Driver) {
    this.#driver = driver;
    this.connection = driver.getConnection('write');
  }

  /**
   * Connects, and makes no database, table or index.
   *
   * @param settings of the driver, beside the application's own
   * @param lend on SQLite: in place of the one handle
   */
  static async open(
    em: TransactionalEntityManager,
    settings: object,
    lend?: LendHandle,
  ): Promise<SecondDriver> {
    const first = em.getDriver();
    const Driver = first.constructor as DriverClass;
    const driver = new Driver(em.config);
    for (const part of ['platform', 'replicas'])
      Reflect.set(driver, part, Reflect.get(first, part));
    driver.setMetadata(em.getMetadata());
    const second = new SecondDriver(driver);
    const options = Reflect.get(second.connection, 'options') as { driverOptions?: unknown };
    options.driverOptions = { ...Object(options.driverOptions), ...settings };
    if (lend) second.#lendHandles(lend);
    await second.connection.connect({ skipOnConnect: true });
    return second;
  }

  /** A fork as `em.fork()` makes it, whose statements go to this driver. */
  fork(em: TransactionalEntityManager): TransactionalEntityManager {
    const first = em.getDriver();
    // A fork takes over the driver of its parent, and there is no other way to give it one. Nothing gets in between.
    Reflect.set(em, 'driver', this.#driver);
    try {
      return em.fork({ disableContextResolution: true });
    } finally {
      Reflect.set(em, 'driver', first);
    }
  }

  /** Whether the EntityManager is a fork of ours. */
  isBelow(em: TransactionalEntityManager): boolean {
    return Object.is(em.getDriver(), this.#driver);
  }

  close(): Promise<void> {
    return this.connection.close(true);
  }

  /** The handle that was lent to a connection of Kysely's. */
  async handleOf(connection: object): Promise<SqliteDriver | undefined> {
    return this.#lent.get(connection);
  }

  /** Kysely has one connection on SQLite: here a transaction may have its own, over the handle that it is lent. */
  #lendHandles(lend: LendHandle): void {
    const { connection } = this;
    const createDialect = connection.createKyselyDialect.bind(connection);
    connection.createKyselyDialect = (options) => {
      const dialect = createDialect(options);
      const createDriver = dialect.createDriver.bind(dialect);
      dialect.createDriver = () => {
        const driver = createDriver();
        const acquire = driver.acquireConnection.bind(driver);
        driver.acquireConnection = async (limits) => {
          const handle = lend();
          return handle ? this.#connectionOver(handle, dialect) : acquire(limits);
        };
        return driver;
      };
      return dialect;
    };
  }

  async #connectionOver(handle: SqliteDriver, like: KyselyDialect): Promise<object> {
    const Dialect = like.constructor as DialectClass;
    const driver = new Dialect({ database: handle }).createDriver();
    await driver.init();
    const connection = await driver.acquireConnection();
    this.#lent.set(connection, handle);
    return connection;
  }
}
