/** From a TypeORM DataSource to the driver below it. Types are structural: TypeORM and the driver stay the application's. */
import {
  type Dialect,
  DRIVER_NAMES,
  describeHandle,
  isNativeDriver,
  type LateDriver,
  mariadb,
  mysql,
  type NativeDriver,
  postgres,
  sqlite,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';

/** A `DataSource` of TypeORM, of type `postgres`, `mysql`, `mariadb` or `better-sqlite3`. */
export interface TypeOrmDataSource {
  readonly isInitialized: boolean;
  readonly options: { readonly type: string; readonly database?: unknown };
  readonly driver: object;
}

const PASS_DATA_SOURCE = 'Pass the DataSource: new TypeOrmStateStore(dataSource).';

/** TypeORM's types of databases, and where their drivers keep the connection that writes go to. */
const SUPPORTED: Readonly<Record<string, { readonly dialect: Dialect; readonly field: string }>> = {
  postgres: { dialect: postgres, field: 'master' },
  mysql: { dialect: mysql, field: 'pool' },
  mariadb: { dialect: mariadb, field: 'pool' },
  'better-sqlite3': { dialect: sqlite, field: 'databaseConnection' },
};

/**
 * What is known of a DataSource before it is initialized, and the way to its driver after that.
 *
 * @throws UnsupportedHandleError for anything that is no DataSource of a supported type
 */
export function lateDriverOf(dataSource: unknown): LateDriver {
  const source = requireDataSource(dataSource);
  const { type, database } = source.options;
  const { dialect, field } = requireSupported(type);
  return { dialect, database, connect: async () => requireDriver(source, field) };
}

/**
 * The dialect of a type of DataSource. Of MySQL and MariaDB each may be called the other: there the server knows better.
 *
 * @throws UnsupportedHandleError
 */
export function dialectOf(type: string): Dialect {
  return requireSupported(type).dialect;
}

function requireSupported(type: string): { readonly dialect: Dialect; readonly field: string } {
  const supported = SUPPORTED[type];
  if (supported !== undefined) return supported;
  const types = Object.keys(SUPPORTED).map((name) => `"${name}"`);
  const todo = `It supports the types ${types.join(', ')} so far.`;
  throw new UnsupportedHandleError({ received: `a DataSource of type "${type}"`, todo });
}

function requireDataSource(value: unknown): TypeOrmDataSource {
  if (isDataSource(value)) return value;
  throw new UnsupportedHandleError(explain(value));
}

function isDataSource(value: unknown): value is TypeOrmDataSource {
  if (typeof value !== 'object' || value === null) return false;
  return 'isInitialized' in value && 'options' in value && 'driver' in value;
}

function explain(value: unknown): { readonly received: string; readonly todo: string } {
  if (typeof value !== 'object' || value === null || !('constructor' in value)) {
    return { received: describeHandle(value), todo: PASS_DATA_SOURCE };
  }
  if ('dataSource' in value && 'transaction' in value) {
    const isTransaction = 'queryRunner' in value && value.queryRunner !== undefined;
    const received = isTransaction ? 'the EntityManager of a transaction' : 'an EntityManager';
    const why = isTransaction ? 'It would be gone when the transaction ends. ' : '';
    return { received, todo: `${why}${PASS_DATA_SOURCE}` };
  }
  if ('isTransactionActive' in value) {
    const todo = `It is one connection, and would be gone when it is released. ${PASS_DATA_SOURCE}`;
    return { received: 'a QueryRunner', todo };
  }
  if ('type' in value && typeof value.type === 'string') {
    const todo = `Make the DataSource of them, initialize it and pass it: new TypeOrmStateStore(dataSource).`;
    return { received: 'the options of a DataSource', todo };
  }
  return { received: describeHandle(value), todo: PASS_DATA_SOURCE };
}

/** The driver's own connection, which is there as long as the DataSource is initialized. */
function requireDriver(source: TypeOrmDataSource, field: string): NativeDriver {
  if (!source.isInitialized) {
    const todo =
      'Call `await dataSource.initialize()` before the application starts, and destroy it after the application has stopped.';
    throw new UnsupportedHandleError({ received: 'a DataSource that is not initialized', todo });
  }
  const driver: unknown = Reflect.get(source.driver, field);
  if (isNativeDriver(driver)) return driver;
  if ('poolCluster' in source.driver && source.driver.poolCluster) throw refuseReplication();
  const received = `a DataSource over ${describeHandle(driver)}`;
  throw new UnsupportedHandleError({ received, todo: `It supports ${DRIVER_NAMES} so far.` });
}

/** A cluster of mysql2 lends connections, and has no pool of the master's that could be asked for. */
function refuseReplication(): UnsupportedHandleError {
  return new UnsupportedHandleError({
    received: 'a DataSource of MySQL or MariaDB with replication',
    todo: 'Make a second DataSource for the store, with the options of the master and without "replication".',
  });
}
