/** What TypeORM's transactions are, by structure, and what is none. */
import { NotATransactionError } from '@dudousxd/nestjs-durable-store-sql';
import type { TypeOrmDataSource } from './data-source.js';

/** A `QueryRunner` of TypeORM. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean;
  readonly isReleased: boolean;
  readonly manager: TypeOrmEntityManager;
  /** The driver's own connection. */
  connect(): Promise<unknown>;
  release(): Promise<void>;
}

/** An `EntityManager` of TypeORM. */
interface TypeOrmEntityManager {
  readonly dataSource: unknown;
  readonly queryRunner?: TypeOrmQueryRunner;
  transaction<T>(work: (tx: unknown) => Promise<T>): Promise<T>;
}

/** What transactions need of a `DataSource` beside what the store needs. */
export interface TransactionalDataSource extends TypeOrmDataSource {
  createQueryRunner(): TypeOrmQueryRunner;
}

const PASS_MANAGER =
  'Pass the EntityManager that dataSource.transaction((manager) => …) gives, before its function returns.';

/**
 * The QueryRunner of an open transaction on one of the DataSources.
 *
 * @throws NotATransactionError for anything else
 */
export function openRunnerOf(tx: unknown, sources: readonly unknown[]): TypeOrmQueryRunner {
  const runner =
    isEntityManager(tx) && sources.includes(tx.dataSource) ? tx.queryRunner : undefined;
  if (runner?.isTransactionActive && !runner.isReleased) return runner;
  throw refusalOf(tx, sources);
}

/** Why something is refused as a transaction. */
function refusalOf(value: unknown, sources: readonly unknown[]): NotATransactionError {
  const todo = isQueryRunner(value)
    ? 'Pass its `manager`, while its transaction is open.'
    : PASS_MANAGER;
  return new NotATransactionError({ received: describe(value, sources), todo });
}

function describe(value: unknown, sources: readonly unknown[]): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (isQueryRunner(value)) return 'a QueryRunner';
  if (isEntityManager(value)) {
    if (!sources.includes(value.dataSource)) return 'the EntityManager of another DataSource';
    return value.queryRunner ? 'one that has ended' : 'the EntityManager of no transaction';
  }
  if ('isInitialized' in value) return 'the DataSource';
  const { name } = value.constructor ?? {};
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`;
}

function isEntityManager(value: unknown): value is TypeOrmEntityManager {
  return (
    typeof value === 'object' && value !== null && 'dataSource' in value && 'transaction' in value
  );
}

function isQueryRunner(value: unknown): value is TypeOrmQueryRunner {
  return typeof value === 'object' && value !== null && 'isTransactionActive' in value;
}
