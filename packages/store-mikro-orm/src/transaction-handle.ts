/** What MikroORM's transactions are, by structure, and what is none. */
import { NotATransactionError } from '@dudousxd/nestjs-durable-store-sql';
import type { MikroOrmEntityManager } from './orm.js';

/** A statement as Kysely hands it to its driver. */
interface KyselyQuery {
  readonly sql: unknown;
  readonly parameters: readonly unknown[];
  readonly query: object;
  readonly queryId: object;
}

/** Kysely's transaction below one of MikroORM's. */
export interface KyselyTransaction {
  readonly isCommitted: boolean;
  readonly isRolledBack: boolean;
  executeQuery(query: KyselyQuery): Promise<{ readonly rows: readonly unknown[] }>;
  getExecutor(): {
    provideConnection<T>(consumer: (connection: object) => Promise<T>): Promise<T>;
  };
}

/** An `EntityManager` of MikroORM. */
export interface TransactionalEntityManager extends MikroOrmEntityManager {
  getMetadata(): object;
  getContext(validate: boolean): TransactionalEntityManager;
  getTransactionContext(): KyselyTransaction | undefined;
  fork(options: { readonly disableContextResolution: true }): TransactionalEntityManager;
  transactional<T>(work: (tx: TransactionalEntityManager) => Promise<T>): Promise<T>;
  flush(): Promise<void>;
}

/** An open transaction. */
export interface OpenTransaction {
  /** The EntityManager that it belongs to: what was handed over may only stand for that. */
  readonly em: TransactionalEntityManager;
  readonly kysely: KyselyTransaction;
}

const PASS_FORK =
  'Pass the EntityManager that em.transactional((em) => …) gives, before its function returns.';

/**
 * An open transaction of the ORM that `owner` is of.
 *
 * @throws NotATransactionError for anything else
 */
export function requireOpen(tx: unknown, owner: MikroOrmEntityManager): OpenTransaction {
  const em = isEntityManager(tx) && tx.config === owner.config ? tx.getContext(false) : undefined;
  const kysely = em?.getTransactionContext();
  if (em && kysely && !hasEnded(kysely)) return { em, kysely };
  throw new NotATransactionError({ received: describe(tx, owner), todo: PASS_FORK });
}

/** Whether COMMIT or ROLLBACK was acknowledged. */
export function hasEnded({ isCommitted, isRolledBack }: KyselyTransaction): boolean {
  return isCommitted || isRolledBack;
}

function describe(value: unknown, owner: MikroOrmEntityManager): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (isEntityManager(value)) {
    if (value.config !== owner.config) return 'the EntityManager of another ORM';
    return value.isInTransaction() ? 'one that has ended' : 'the EntityManager of no transaction';
  }
  if ('em' in value) return 'the ORM';
  const { name } = value.constructor ?? {};
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`;
}

function isEntityManager(value: unknown): value is TransactionalEntityManager {
  if (typeof value !== 'object' || value === null) return false;
  const { getTransactionContext, getContext } = value as Partial<TransactionalEntityManager>;
  return typeof getTransactionContext === 'function' && typeof getContext === 'function';
}
