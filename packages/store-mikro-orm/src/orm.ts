/** From MikroORM to the driver below it. Types are structural: MikroORM and the driver stay the application's. */
import {
  type Dialect,
  DRIVER_NAMES,
  describeHandle,
  isNativeDriver,
  type LateDriver,
  mysql,
  type NativeDriver,
  postgres,
  sqlite,
  UnsupportedHandleError,
} from '@dudousxd/nestjs-durable-store-sql';

/** An `EntityManager` of one of MikroORM's packages for PostgreSQL, MySQL, MariaDB and SQLite that is in no transaction. */
export interface MikroOrmEntityManager {
  readonly config: { get(name: 'dbName'): string | undefined };
  getDriver(): { getDependencies(): readonly string[] };
  getConnection(type: 'write'): { getNativeClient(): Promise<unknown> };
  isInTransaction(): boolean;
}

/** `MikroORM` of `@mikro-orm/postgresql`, `@mikro-orm/mysql`, `@mikro-orm/mariadb` or `@mikro-orm/sqlite`. */
export interface MikroOrm {
  readonly em: MikroOrmEntityManager;
}

const PASS_ORM = 'Pass the ORM: new MikroOrmStateStore(orm), or its EntityManager orm.em.';

/** By the name of the driver package below MikroORM's. With mysql2 it is MariaDB's when the server says so. */
const SUPPORTED: Readonly<Record<string, Dialect>> = {
  pg: postgres,
  mysql2: mysql,
  'better-sqlite3': sqlite,
};

/**
 * What is known of MikroORM's database before it has connected, and the way to its driver, which connects it.
 *
 * @throws UnsupportedHandleError for anything that is not MikroORM over a supported driver
 */
export function lateDriverOf(handle: unknown): LateDriver {
  const em = requireEntityManager(handle);
  const dialect = dialectOf(em.getDriver().getDependencies());
  return { dialect, database: em.config.get('dbName'), connect: () => requireDriver(em) };
}

/**
 * The dialect of a MikroORM driver, by the packages that it depends on.
 *
 * @throws UnsupportedHandleError
 */
export function dialectOf(packages: readonly string[]): Dialect {
  const name = packages.find((dependency) => dependency in SUPPORTED);
  const dialect = SUPPORTED[name ?? ''];
  if (dialect !== undefined) return dialect;
  const received = `MikroORM over ${packages.join(' and ')}`;
  const todo = 'It supports @mikro-orm/postgresql, mysql, mariadb and sqlite so far.';
  throw new UnsupportedHandleError({ received, todo });
}

/** What is the EntityManager of a handle, if it has one. */
export function entityManagerOf(handle: unknown): unknown {
  return typeof handle === 'object' && handle !== null && 'em' in handle ? handle.em : handle;
}

function requireEntityManager(handle: unknown): MikroOrmEntityManager {
  const em = entityManagerOf(handle);
  if (!isEntityManager(em)) throw new UnsupportedHandleError(explain(handle));
  if (!em.isInTransaction()) return em;
  const todo = `It would be gone when the transaction ends. ${PASS_ORM}`;
  throw new UnsupportedHandleError({ received: 'the EntityManager of a transaction', todo });
}

function isEntityManager(value: unknown): value is MikroOrmEntityManager {
  if (typeof value !== 'object' || value === null) return false;
  const { getDriver, getConnection, isInTransaction } = value as Partial<MikroOrmEntityManager>;
  return [getDriver, getConnection, isInTransaction].every(
    (method) => typeof method === 'function',
  );
}

function explain(value: unknown): { readonly received: string; readonly todo: string } {
  if (value instanceof Promise) {
    return { received: 'a promise', todo: `Await MikroORM.init() first. ${PASS_ORM}` };
  }
  const isOptions = typeof value === 'object' && value !== null && 'dbName' in value;
  if (!isOptions) return { received: describeHandle(value), todo: PASS_ORM };
  const todo = 'Make the ORM of them and pass it: new MikroOrmStateStore(new MikroORM(options)).';
  return { received: 'the options of MikroORM', todo };
}

async function requireDriver(em: MikroOrmEntityManager): Promise<NativeDriver> {
  const driver = await em.getConnection('write').getNativeClient().catch(refuseOwnKysely);
  if (isNativeDriver(driver)) return driver;
  const received = `MikroORM over ${describeHandle(driver)}`;
  throw new UnsupportedHandleError({ received, todo: `It supports ${DRIVER_NAMES} so far.` });
}

/** MikroORM does not know the driver below a Kysely that it was given. */
function refuseOwnKysely(error: unknown): never {
  const isKysely = error instanceof Error && /native client is not available/.test(error.message);
  if (!isKysely) throw error;
  const received = 'MikroORM over a Kysely client or dialect of your own (driverOptions)';
  const todo =
    'Give MikroORM the options of the connection instead, or make a second ORM for the store.';
  throw new UnsupportedHandleError({ received, todo });
}
