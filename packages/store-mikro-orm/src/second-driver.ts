/**
 * A second driver below the same MikroORM: its transactions have a connection of ours, and all else is the application's:
 * entities, filters, subscribers, settings.
 */
import type { TransactionalEntityManager } from './transaction-handle.js';

/** MikroORM's `Connection`. */
export interface MikroOrmConnection {
  connect(options: { readonly skipOnConnect: true }): Promise<void>;
  getNativeClient(): Promise<unknown>;
  close(force: true): Promise<void>;
}

interface Driver {
  setMetadata(metadata: object): void;
  getConnection(type: 'write'): MikroOrmConnection;
}

type DriverClass = new (config: object) => Driver;

export class SecondDriver {
  readonly connection: MikroOrmConnection;
  readonly #driver: Driver;

  private constructor(driver: Driver) {
    this.#driver = driver;
    this.connection = driver.getConnection('write');
  }

  /**
   * Connects, and makes no database, table or index.
   *
   * @param settings of the driver, beside the application's own
   */
  static async open(em: TransactionalEntityManager, settings: object): Promise<SecondDriver> {
    const first = em.getDriver();
    const Driver = first.constructor as DriverClass;
    const driver = new Driver(em.config);
    for (const part of ['platform', 'replicas'])
      Reflect.set(driver, part, Reflect.get(first, part));
    driver.setMetadata(em.getMetadata());
    const second = new SecondDriver(driver);
    const options = Reflect.get(second.connection, 'options') as { driverOptions?: unknown };
    options.driverOptions = { ...Object(options.driverOptions), ...settings };
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
}
